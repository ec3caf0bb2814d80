import { useState } from "preact/hooks";
import { type ApiError, outcome } from "../api.js";
import { signInWords } from "../i18n/sign-in.js";
import { whatHappened } from "../parts/failure.js";
import { Words } from "../parts/text.js";
import { keepAddress, session, signIn } from "../session.js";

/** Asks who is there. The address stays, so the page that was asked for is shown after it. */
export function SignInPage({ oidc }: { readonly oidc: boolean }) {
  const word = signInWords();
  const [token, setToken] = useState("");
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    const { error } = await outcome(signIn(token.trim()));
    setFault(error);
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <h1>{word.title}</h1>
      <p class="lead">
        <Words text={session.value === undefined ? word.lead : word.expired} />
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label>
          {word.token}
          <input
            type="password"
            autocomplete="current-password"
            autofocus
            required
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>
        {fault && <p role="alert">{whatHappened(fault)}</p>}
        <button type="submit" class="primary" disabled={busy}>
          {word.signIn}
        </button>
        {oidc && (
          <a href="/session/oidc" onClick={keepAddress}>
            {word.oidc}
          </a>
        )}
      </form>
    </main>
  );
}
