// AES-GCM for browsers that keep theirs for https.

export { gcm } from "@noble/ciphers/aes.js";
