import { keyWords } from "../i18n/keys.js";
import { Dialog } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";

/** Shows the secret of a key, once. */
export function SecretDialog({ secret, onClose }: { readonly secret: string; readonly onClose: () => void }) {
  const word = keyWords();
  const copy = async () => {
    await navigator.clipboard.writeText(secret);
    toast(word.copied);
  };
  return (
    <Dialog title={word.secretTitle} onClose={onClose}>
      <p>{word.secretLead}</p>
      <pre tabIndex={0}>{secret}</pre>
      <div class="acts">
        {/* Browsers give pages without TLS no clipboard, except on the same machine. */}
        {"clipboard" in navigator && (
          <button type="button" onClick={() => void copy()}>
            {word.copy}
          </button>
        )}
        <button type="button" class="primary" onClick={onClose}>
          {word.done}
        </button>
      </div>
    </Dialog>
  );
}
