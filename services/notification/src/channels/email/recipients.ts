import { DeliveryError } from "../../domain/channel.js";

/** What a mail server has said of the recipients of one attempt. */
export interface Answer {
  readonly rejectedErrors?:
    | readonly { readonly recipient?: string | undefined; readonly responseCode?: number | undefined }[]
    | undefined;
}

/** How often a mail is sent to recipients who put it off, when others have it: about ten minutes. */
const TRIES = 5;
/** Mails whose recipients are known. What is forgotten is sent to all again. */
const MOST = 1_000;

interface Known {
  readonly left: readonly string[];
  /** Who has refused it for good, with the code of the answer. */
  readonly refused: readonly string[];
  readonly tries: number;
}

/**
 * Remembers who has a mail when a mail server has taken it for some recipients only, so that the others alone get the
 * next attempt. A restart and another replica do not know it: they send it to all again, with the same `Message-ID`.
 */
export function createRecipients(to: readonly string[]) {
  const known = new Map<string, Known>();

  return {
    /** Who gets the next attempt of a mail. */
    left: (id: string): readonly string[] => known.get(id)?.left ?? to,
    /** Whether somebody has it already. */
    begun: (id: string): boolean => known.has(id),

    /**
     * Takes what the server said of an attempt that at least one recipient has got, now or before. Returns whom the mail
     * does not reach, or undefined. Throws the kind `partial` if it is to be tried again.
     */
    answered: (id: string, { rejectedErrors = [] }: Answer): string | undefined => {
      const before = known.get(id) ?? { refused: [], tries: 0 };
      known.delete(id);
      const named = rejectedErrors.map(({ recipient = "", responseCode = 0 }) => ({
        recipient,
        text: `${shortened(recipient)} (${responseCode})`,
        // RFC 5321, 4.2.1: 4yz passes, 5yz stays.
        final: responseCode >= 500,
      }));
      const putOff = named.filter(({ final }) => !final);
      const refused = [...before.refused, ...named.flatMap(({ final, text }) => (final ? [text] : []))];
      const tries = before.tries + 1;
      if (putOff.length > 0 && tries < TRIES) {
        const [oldest] = known.keys();
        if (oldest !== undefined && known.size >= MOST) known.delete(oldest);
        known.set(id, { left: putOff.map(({ recipient }) => recipient), refused, tries });
        const has = putOff.length === 1 ? "has" : "have";
        throw new DeliveryError(
          "partial",
          `${putOff.length} of ${to.length} addresses ${has} put the mail off: ${textOf(putOff.map(({ text }) => text))}`,
        );
      }
      const missed = [...refused, ...putOff.map(({ text }) => text)];
      if (missed.length === 0) return undefined;
      return `${missed.length} of ${to.length} addresses refused the mail: ${textOf(missed)}`;
    },
  };
}

/** An address as all channels may show it: other people read them, and issues may be public. */
const shortened = (address: string): string => address.replace(/^(.).*@/, "$1…@");

/** The first ones: the texts are shown in one line. */
const textOf = (texts: readonly string[]): string =>
  `${texts.slice(0, 5).join(", ")}${texts.length > 5 ? " and others" : ""}`;
