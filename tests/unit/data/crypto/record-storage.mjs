// Makes secret-storage.json anew: a secret storage as matrix-js-sdk makes it, of an identity that it made; with the recovery
// key and the passphrase that open it. No server ever saw them.
//
//   cd FOLDER-WITH-NODE_MODULES && node .../record-storage.mjs >secret-storage.json
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { webcrypto } from "node:crypto";
globalThis.crypto ??= webcrypto;
const require = createRequire(process.cwd() + "/");
const m = require("@matrix-org/matrix-sdk-crypto-wasm");
const from_sdk = (path) => import(pathToFileURL(`${process.cwd()}/node_modules/matrix-js-sdk/lib/${path}`));
const { encodeRecoveryKey } = await from_sdk("crypto-api/recovery-key.js");
const { deriveRecoveryKeyFromPassphrase } = await from_sdk("crypto-api/key-passphrase.js");
const { calculateKeyCheck } = await from_sdk("secret-storage.js");
const { default: encrypt } = await from_sdk("utils/encryptAESSecretStorageItem.js");

const user = "@alice:example.org", device = "PHONE";
await m.initAsync();
const machine = await m.OlmMachine.initialize(new m.UserId(user), new m.DeviceId(device));
const bootstrap = await machine.bootstrapCrossSigning(true);
const identity = JSON.parse(bootstrap.uploadSigningKeysRequest.body);
const seeds = await machine.exportCrossSigningKeys();
const passphrase = "correct horse ünï battery", salt = "saltsaltsalt", iterations = 5000;
const keys = {
        RECOVERY: crypto.getRandomValues(new Uint8Array(32)),
        PASSPHRASE: await deriveRecoveryKeyFromPassphrase(passphrase, salt, iterations),
};
const described = {}, encrypted = { master: {}, self_signing: {} };
for (const [id, key] of Object.entries(keys)) {
        const check = await calculateKeyCheck(key);
        described[id] = { algorithm: "m.secret_storage.v1.aes-hmac-sha2", iv: check.iv, mac: check.mac };
        encrypted.master[id] = await encrypt(seeds.masterKey, key, "m.cross_signing.master");
        encrypted.self_signing[id] = await encrypt(seeds.self_signing_key, key, "m.cross_signing.self_signing");
}
described.PASSPHRASE.passphrase = { algorithm: "m.pbkdf2", salt, iterations };
console.log(JSON.stringify({
        user_id: user,
        recovery_key: encodeRecoveryKey(keys.RECOVERY),
        passphrase,
        keys: described,
        "m.cross_signing.master": { encrypted: encrypted.master },
        "m.cross_signing.self_signing": { encrypted: encrypted.self_signing },
        keys_query: { device_keys: { [user]: {} }, master_keys: { [user]: identity.master_key },
                      self_signing_keys: { [user]: identity.self_signing_key } },
}, null, 1));
