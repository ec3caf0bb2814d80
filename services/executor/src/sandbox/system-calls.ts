/**
 * The filter of system calls of every run, as a program for the kernel (seccomp, in classic BPF:
 * https://docs.kernel.org/userspace-api/seccomp_filter.html). bubblewrap gives it to the kernel right before the run's
 * first program, and no process of the run can take it away.
 *
 * A list of what is refused, not of what is allowed: an engine's tools are any programs, and the namespaces and mounts
 * of the sandbox are what confines them. The filter takes away parts of the kernel that runs do not need, that many of
 * its holes were in, and that reach past such borders.
 */

/** Number of each call on x64 and on arm64, from the kernel's tables. */
const CALLS = {
  add_key: [248, 217],
  bpf: [321, 280],
  clone: [56, 220],
  clone3: [435, 435],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  keyctl: [250, 219],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  open_tree: [428, 428],
  open_tree_attr: [467, 467],
  pidfd_getfd: [438, 438],
  pivot_root: [155, 41],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  ptrace: [101, 117],
  request_key: [249, 218],
  setns: [308, 268],
  umount2: [166, 39],
  unshare: [272, 97],
  userfaultfd: [323, 282],
} as const satisfies Record<string, readonly [x64: number, arm64: number]>;

type Call = keyof typeof CALLS;

/** Keys are of the user, not of a namespace: with them, runs would reach each other and the executor. */
const NO_RUN_MAY: readonly Call[] = [
  ...(["bpf", "userfaultfd", "pidfd_getfd"] as const),
  ...(["keyctl", "add_key", "request_key"] as const),
  ...(["io_uring_setup", "io_uring_enter", "io_uring_register"] as const),
];

/**
 * Where the run's uid is 0, files of the kernel that only root may write are its own, and a new user namespace would
 * give it capabilities. Other users keep these calls: debuggers, Chromium and the CLI's own sandbox need them.
 */
const ROOT_MAY_NOT: readonly Call[] = [
  ...(["ptrace", "process_vm_readv", "process_vm_writev", "setns"] as const),
  ...(["mount", "umount2", "pivot_root", "move_mount", "mount_setattr", "open_tree", "open_tree_attr"] as const),
  ...(["fsopen", "fsconfig", "fsmount", "fspick"] as const),
];

/** Flags of `clone` and `unshare` that make a namespace: cgroup, IPC, mount, network, pid, user and UTS. */
const NAMESPACES = 0x7e02_0000;
/** The flag for one more, time. In `clone`, this bit is of the signal at the end. */
const NEW_TIME = 0x80;

/** `seccomp_data`: the number at 0, the architecture at 4, the low half of the first argument at 16. */
const [NUMBER, ARCHITECTURE, FIRST_ARGUMENT] = [0, 4, 16];
const ARCHITECTURES: Readonly<Record<string, { readonly audit: number; readonly column: 0 | 1 }>> = {
  x64: { audit: 0xc000_003e, column: 0 },
  arm64: { audit: 0xc000_00b7, column: 1 },
};
/** Added to the numbers of x32, a second set of calls of x64. */
const X32 = 0x4000_0000;

const [EPERM, ENOSYS] = [1, 38];
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const failWith = (errno: number): number => 0x0005_0000 | errno;

/** One instruction: `sock_filter` of the kernel, with what it skips if its test is true or false. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const answer = (action: number): Instruction => [0x06, 0, 0, action];
const skipIfEqual = (value: number, skip: number): Instruction => [0x15, skip, 0, value];
const skipUnlessEqual = (value: number, skip: number): Instruction => [0x15, 0, skip, value];
const skipUnlessAtLeast = (value: number, skip: number): Instruction => [0x35, 0, skip, value];
const skipUnlessAnyBit = (value: number, skip: number): Instruction => [0x45, 0, skip, value];

/**
 * Refused calls fail with EPERM. A program for another architecture is killed (SIGSYS): its numbers mean other calls.
 * Throws where the architecture of this host is not one of the two that are known here.
 */
export function systemCallFilter(arch: string, uid: number): Buffer {
  const own = ARCHITECTURES[arch];
  if (own === undefined) throw new Error(`there is no filter of system calls for ${arch}, only for x64 and arm64`);
  const numberOf = (call: Call): number => CALLS[call][own.column];
  const refuse = (call: Call, errno = EPERM): readonly Instruction[] => [
    skipUnlessEqual(numberOf(call), 1),
    answer(failWith(errno)),
  ];
  const refuseFlags = (call: Call, flags: number): readonly Instruction[] => [
    skipUnlessEqual(numberOf(call), 4),
    load(FIRST_ARGUMENT),
    skipUnlessAnyBit(flags, 1),
    answer(failWith(EPERM)),
    answer(ALLOW),
  ];
  return assemble([
    load(ARCHITECTURE),
    skipIfEqual(own.audit, 1),
    answer(KILL_PROCESS),
    load(NUMBER),
    ...(arch === "x64" ? [skipUnlessAtLeast(X32, 1), answer(failWith(ENOSYS))] : []),
    ...NO_RUN_MAY.flatMap((call) => refuse(call)),
    ...(uid === 0 ? ROOT_MAY_NOT.flatMap((call) => refuse(call)) : []),
    ...(uid === 0 ? refuseFlags("clone", NAMESPACES) : []),
    ...(uid === 0 ? refuseFlags("unshare", NAMESPACES | NEW_TIME) : []),
    // Its flags are in memory, where no filter can look. Told that it is missing, libraries take `clone`.
    ...(uid === 0 ? refuse("clone3", ENOSYS) : []),
    answer(ALLOW),
  ]);
}

/** Both architectures are little-endian. */
function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  }
  return bytes;
}
