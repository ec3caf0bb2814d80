export { openPrivateFolder, PRIVATE_FILE, PRIVATE_FOLDER } from "./private-folder.js";
export { replaceFile, replaceFiles } from "./replace-files.js";
