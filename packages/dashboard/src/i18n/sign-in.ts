import { words } from "./words.js";

export const signInWords = words(
  {
    title: "Sign in to CCSP",
    lead: "With a token or an API key. `ccsp open` makes one and signs you in by itself.",
    expired: "Your sign-in has ended. Sign in again, and you are back where you were. Tasks go on without you.",
    token: "Token or API key",
    signIn: "Sign in",
    oidc: "Sign in with your organisation",
  },
  {
    title: "CCSP にサインイン",
    lead: "トークンまたは API キーを使います。`ccsp open` なら自動で作成してサインインします。",
    expired: "サインインの期限が切れました。もう一度サインインすると元のページに戻ります。タスクは続いています。",
    token: "トークンまたは API キー",
    signIn: "サインイン",
    oidc: "組織のアカウントでサインイン",
  },
);
