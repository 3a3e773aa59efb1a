// The words of one-time links.

import { words as common } from "../base/words.js";

export const words = {
  ...common,

  downloadBegun: "The download has begun. If it breaks off, press Download again.",
  linkUsedHere: "The file was downloaded, and the link is used up. Ask for a new link to get it again.",
};
