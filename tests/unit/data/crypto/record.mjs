// What the crypto of matrix-js-sdk (matrix-sdk-crypto, in WebAssembly) sends from one device to another one: the sender
// of recorded.json. Run by record.py, with that package below the working folder. Standard input: {me, device_id,
// device_keys, one_time_keys, rooms, texts}; standard output: {keys_query, to_device, events}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.cwd() + "/");
const m = require("@matrix-org/matrix-sdk-crypto-wasm");

const input = JSON.parse(readFileSync(0, "utf8"));
const user = "@bob:example.org", device = "PHONE";
await m.initAsync();
const machine = await m.OlmMachine.initialize(new m.UserId(user), new m.DeviceId(device));
const uploaded = { device_keys: {}, master: null, self_signing: null };

const said = async (request, answer) =>
        machine.markRequestAsSent(request.id, request.type, JSON.stringify(answer));

async function run_requests() {
        for (const request of await machine.outgoingRequests()) {
                const body = JSON.parse(request.body);
                if (request.type === m.RequestType.KeysUpload) {
                        if (body.device_keys)
                                uploaded.device_keys = body.device_keys;
                        await said(request, { one_time_key_counts: { signed_curve25519: 50 } });
                } else if (request.type === m.RequestType.KeysQuery) {
                        await said(request, keys_query());
                }
        }
}

function keys_query() {
        const answer = { failures: {}, device_keys: { [input.me]: { [input.device_id]: input.device_keys } },
                         master_keys: {}, self_signing_keys: {}, user_signing_keys: {} };
        if (uploaded.device_keys.keys)
                answer.device_keys[user] = { [device]: uploaded.device_keys };
        if (uploaded.master) {
                answer.master_keys[user] = uploaded.master;
                answer.self_signing_keys[user] = uploaded.self_signing;
        }
        return answer;
}

await run_requests();
const bootstrap = await machine.bootstrapCrossSigning(true);
const identity = JSON.parse(bootstrap.uploadSigningKeysRequest.body);
uploaded.master = identity.master_key;
uploaded.self_signing = identity.self_signing_key;
Object.assign(uploaded.device_keys.signatures[user],
        JSON.parse(bootstrap.uploadSignaturesRequest.body)[user][device].signatures[user]);
await machine.updateTrackedUsers([new m.UserId(input.me), new m.UserId(user)]);
await run_requests();

// Each call takes the object that it is given away.
const me = () => new m.UserId(input.me);
const claim = await machine.getMissingSessions([me()]);
const [key_id, key] = Object.entries(input.one_time_keys)[0];
await said(claim, { failures: {}, one_time_keys: { [input.me]: { [input.device_id]: { [key_id]: key } } } });

const to_device = [], events = [];
for (const [i, room_id] of input.rooms.entries()) {
        const settings = new m.EncryptionSettings();
        for (const request of await machine.shareRoomKey(new m.RoomId(room_id), [me()], settings)) {
                const content = JSON.parse(request.body).messages[input.me]?.[input.device_id];
                if (content)
                        to_device.push({ type: request.event_type, sender: user, content });
                await said(request, {});
        }
        for (const [type, text] of input.texts) {
                const content = await machine.encryptRoomEvent(new m.RoomId(room_id), type, JSON.stringify(text));
                events.push({ type: "m.room.encrypted", room_id, sender: user, event_id: `$js${i}.${events.length}`,
                              origin_server_ts: 1700000000000 + events.length, content: JSON.parse(content),
                              plain: { type, content: text } });
        }
}
process.stdout.write(JSON.stringify({ keys_query: keys_query(), to_device, events }));
