import { createHash } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFiles } from "@ccsp/engine-kit";
import { type AttackedPlace, attackPlace, HOST_SECRET, HOSTILE_FILES } from "@ccsp/testkit";
import { pino } from "pino";
import { openConversationFolder } from "../src/conversations/conversation-folder.js";
import { forgetWorkingFolder, placeConversation, readConversation } from "../src/engines/claude-code/conversation.js";
import { createLogin } from "../src/engines/claude-code/login.js";
import { hostFiles } from "../src/files/host-files.js";
import { createRunFolder } from "../src/supervision/run-folder.js";

const ID = "0b5f1c1e-5a52-4d86-9a4f-1f3f0f0f0f0f";
const CONFIG = join("home", ".claude");
const COPY = { engine: "e", engineId: "a", fence: 1n };

const COPY_FILE = `${createHash("sha256").update("e\0a").digest("hex").slice(0, 40)}-1`;

const openCopies = (run: string) =>
  openConversationFolder({ path: join(run, "copies"), bytes: 1_000, keptMs: 60_000, log: pino({ level: "silent" }) });

const PLACES: readonly AttackedPlace[] = [
  ...[join("conversation", `${ID}.jsonl`), join(CONFIG, "projects", "some", `${ID}.jsonl`)].map((file) => ({
    what: `reads a transcript in ${dirname(file)}`,
    file,
    act: async (run: Parameters<AttackedPlace["act"]>[0], _file: string, attack: () => Promise<void>) => {
      await attack();
      return await readConversation(run, join(run.path, CONFIG), ID);
    },
  })),
  {
    what: "places a transcript",
    file: join("conversation", `${ID}.jsonl`),
    async act(run, _file, attack) {
      await attack();
      return await placeConversation(run, { id: ID, transcript: Buffer.from("mine") });
    },
  },
  {
    what: "reads the end of a login",
    file: join(CONFIG, ".credentials.json"),
    async act(_run, file, attack) {
      await attack();
      const turn = await createLogin({ file, refresh: async () => {}, now: () => 0 }).turn();
      turn?.end();
      return turn && HOST_SECRET;
    },
  },
  {
    what: "forgets a working folder in the folder of a login",
    file: join(CONFIG, "projects", "-srv-work"),
    async act({ path }, _file, attack) {
      await attack();
      await forgetWorkingFolder(join(path, CONFIG), "/srv/work");
    },
  },
  {
    what: "reads a copy of a conversation on disk",
    file: join("copies", COPY_FILE),
    async act({ path }, file, attack) {
      const copies = await openCopies(path);
      try {
        await copies.put(COPY, Buffer.from("mine"));
        await rm(file);
        await attack();
        return await copies.find(COPY);
      } finally {
        await copies.close();
      }
    },
  },
  {
    what: "opens the folder of conversations on disk",
    file: join("copies", `${"0".repeat(40)}-1`),
    async act({ path }, file, attack) {
      await attack();
      const copies = await openCopies(path);
      // Counts as a copy if it is still there.
      const left = await readdir(dirname(file));
      await copies.close();
      return left.length > 0 && HOST_SECRET;
    },
  },
  {
    what: "writes the files of a request",
    file: join("files", "attachments", "a.txt"),
    async act(run, _file, attack) {
      await attack();
      await writeFiles(run, [{ name: "attachments/a.txt", content: Buffer.from("mine"), origin: undefined }]);
    },
  },
  {
    what: "removes the folders of a run or of a waiting process",
    file: join("work", "file"),
    async act({ path, work }, _file, attack) {
      const own = await createRunFolder(path, "warm-1-0", join(path, "tmp"));
      await attack();
      await rm(own.home, { recursive: true });
      // A folder with the hostile file, or a link to the host's folder.
      await rename(work, own.home);
      await own.remove();
      return (await readdir(path)).includes("warm-1-0") && HOST_SECRET;
    },
  },
  {
    what: "reads a file that a task includes",
    file: join("shared", "file"),
    // People share such folders, and a repository may have hard links.
    except: "a hard link",
    async act(_run, file, attack) {
      await attack();
      return await hostFiles.read(file, 1_000);
    },
  },
];

describe("what the executor does outside the sandbox with the files of a run", function () {
  this.timeout(10_000);
  for (const place of PLACES) {
    for (const attack of HOSTILE_FILES.filter((each) => each !== place.except)) {
      it(`${place.what}, finds ${attack}, and neither follows it nor waits`, () => attackPlace(place, attack));
    }
  }
});
