// The words of the first page.

import { words as common } from "../base/words.js";

export const words = {
  ...common,

  codeOrLink: "Code or link",
  handOver: "Hand a file over",
  handOverHint: "From one person to another. Whoever receives needs no account.",
  newBatch: "Batch",
  noSuchCode: "That is no code of this site. Check it, or paste the whole link.",
  noSuchLink: "That link leads to nothing that can be received. Check it, or ask for a new one.",
  openDesk: "Open the desk",
  otherSite: "That link belongs to another site. Open it in the address bar.",
  startBatch: "Choose files",
  wayBatch: "Several files, any kind. One link and one QR code for all of them.",
  startDirect: "Send or receive",
  wayDesk: "Office files that are checked on the way in, and links that work exactly once.",
  wayDeskClient: "Find a file, download it, or get a link that works exactly once.",
  wayDeskOperation: "Upload office files, and see who fetched what.",
  wayDirect: "You are both there now. It goes from one to the other, encrypted, and is stored nowhere.",
  newRoom: "Room",
  startRoom: "Make a room",
  wayRoom: "Talk and share files with a code, for as long as you need it.",
};
