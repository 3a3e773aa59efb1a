// A batch: the sender's page for whoever has the key, else the receiver's.

import { Batch } from "../batch/api.js";
import { at } from "../base/address.js";
import { screen } from "../base/dom.js";
import { frame } from "../base/frame.js";
import { keptKey, takeKey } from "../base/keys.js";
import * as session from "../base/session.js";
import { receiverPage } from "../batch/receiver.js";
import { senderPage } from "../batch/sender.js";

frame();
const id = decodeURIComponent(location.pathname.split("/").pop() ?? "");
const key = takeKey(at(`b/${id}`)) || keptKey(`batch/${id}`);
if (key) senderPage(screen(), new Batch(id, key), []);
else receiverPage(screen(), new Batch(id));
// Another fragment is another right.
window.addEventListener("hashchange", () => location.reload());
if (await session.find()) session.changes.dispatchEvent(new Event("change"));
