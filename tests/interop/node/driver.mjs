// Clients that nobody here wrote, matrix-js-sdk with its Rust crypto, in Node: no sound, but all that is encrypted. Each
// line of standard input is a command, as in ../browser/driver.mjs; each line of standard output says that one is done, or
// has failed. Ends with its standard input.
//
//   node driver.mjs FOLDER-WITH-NODE_MODULES
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
// Node 22 has it.
Promise.withResolvers ??= () => {
    const made = {};
    made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
};
// Standard output is for the test.
for (const level of ["log", "info", "debug", "warn", "trace"]) console[level] = console.error;

// What a client does by itself may fail once it is logged out.
process.on("unhandledRejection", (reason) => console.error(reason));

const require = createRequire(`${process.argv[2]}/`);
const from_sdk = (path) => import(pathToFileURL(`${process.argv[2]}/node_modules/matrix-js-sdk/lib/${path}`));
const sdk = await from_sdk("index.js");
const { OnlySignedDevicesIsolationMode, AllDevicesIsolationMode, CryptoEvent, VerificationPhase,
    VerificationRequestEvent, VerifierEvent } = await from_sdk("crypto-api/index.js");

const clients = new Map();

function tell(line) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
}

function once(emitter, event, accept) {
    return new Promise((resolve) => {
        const look = (...values) => {
            if (!accept(...values)) return;
            emitter.off(event, look);
            resolve(values[0]);
        };
        emitter.on(event, look);
    });
}

// What is to be compared, also if that was shown before. The library refers to its requests and verifiers weakly, and what
// only waits for them keeps nothing alive: each command puts them where it is found from `clients`, or they may be gone
// before they are done, and nobody is told.
async function shownBy(verifier) {
    return verifier.getShowSasCallbacks() ?? (await once(verifier, VerifierEvent.ShowSas, () => true));
}

function aMoment() {
    return new Promise((resolve) => setTimeout(resolve, 300));
}

// What this client sends to the server; room keys may have to wait (holdKeys), and it takes them for delivered.
function fetchFor(me) {
    return async (resource, options) => {
        if (!me.held || !/\/sendToDevice\/m\.room\.encrypted\//.test(String(resource))) return fetch(resource, options);
        me.held.push(() => fetch(resource, { ...options, signal: undefined }));
        return new Response("{}", { status: 200, headers: { "content-type": "application/json" } });
    };
}

// A focus that nobody runs: memberships are about who takes part.
const FOCUS = { type: "livekit", livekit_alias: "nowhere", livekit_service_url: "https://nowhere.invalid" };

async function room(me, id) {
    return me.client.getRoom(id) ?? (await once(me.client, sdk.ClientEvent.Room, (r) => r.roomId === id));
}

const commands = {
    async login(me, { url, user, password, device }) {
        const login = await sdk.createClient({ baseUrl: url }).loginRequest({
            type: "m.login.password",
            identifier: { type: "m.id.user", user },
            password,
            device_id: device,
            initial_device_display_name: "a client in Node",
        });
        me.password = password;
        me.client = sdk.createClient({
            baseUrl: url,
            userId: login.user_id,
            deviceId: login.device_id,
            accessToken: login.access_token,
            fetchFn: fetchFor(me),
            cryptoCallbacks: { getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], me.storageKey] },
        });
        await me.client.initRustCrypto({ useIndexedDB: false });
        const synced = once(me.client, sdk.ClientEvent.Sync, (state) => state === sdk.SyncState.Prepared);
        await me.client.startClient({ disablePresence: true });
        await synced;
        return login.device_id;
    },

    // An identity, in a secret storage: as a person sets up recovery. Says the recovery key. Again: another identity.
    async setUpRecovery(me, { passphrase }) {
        const api = me.client.getCrypto();
        const authUploadDeviceSigningKeys = (makeRequest) => makeRequest({
            type: "m.login.password",
            identifier: { type: "m.id.user", user: me.client.getUserId() },
            password: me.password,
        });
        const key = await api.createRecoveryKeyFromPassphrase(passphrase);
        me.storageKey = key.privateKey;
        await api.bootstrapCrossSigning({ authUploadDeviceSigningKeys, setupNewCrossSigning: true });
        await api.bootstrapSecretStorage({ createSecretStorageKey: async () => key, setupNewSecretStorage: true });
        return key.encodedPrivateKey;
    },

    // Room keys go only to devices that their owners have signed; else to all, unless somebody verified has unsigned ones.
    async trustOnlySigned(me, { only }) {
        me.client.getCrypto().setDeviceIsolationMode(
            only ? new OnlySignedDevicesIsolationMode() : new AllDevicesIsolationMode(true));
    },

    async createRoom(me, { invite }) {
        const { room_id } = await me.client.createRoom({
            preset: sdk.Preset.TrustedPrivateChat,
            is_direct: true,
            invite: [invite],
            initial_state: [{ type: "m.room.encryption", state_key: "",
                              content: { algorithm: "m.megolm.v1.aes-sha2" } }],
        });
        await room(me, room_id);
        return room_id;
    },

    async joinRoom(me, { room: id }) {
        await me.client.joinRoom(id);
        await room(me, id);
    },

    // Any event of a room, encrypted as that client encrypts. Says its id.
    async send(me, { room: id, type, content }) {
        await room(me, id);
        return (await me.client.sendEvent(id, type, content)).event_id;
    },

    // So many messages in so many seconds, at any time within them, while the test goes on.
    async chat(me, { room: id, n, seconds }) {
        const begun = Date.now();
        const at = Array.from({ length: n }, () => begun + Math.random() * seconds * 1000).sort((a, b) => a - b);
        await room(me, id);
        me.chat = (async () => {
            for (let i = 0; i < n; i++) {
                await new Promise((resolve) => setTimeout(resolve, at[i] - Date.now()));
                await me.client.sendTextMessage(id, `Message ${i} of many, about as long as people write them.`);
            }
        })();
    },

    // It asks for nothing any more.
    async rest(me) {
        me.client.stopClient();
    },

    async awaitChat(me) {
        await me.chat;
    },

    // The same once it has looked anew at the user's devices. Says "sent", or why it refuses.
    async trySend(me, { user, room: id, type, content }) {
        await me.client.getCrypto().getUserDeviceInfo([user], true);
        try {
            await commands.send(me, { room: id, type, content });
            return "sent";
        } catch (error) {
            return String(error);
        }
    },

    // What this client believes of a device: "absent", "unsigned" or "signed" (by its owner's identity).
    async look(me, { user, device }) {
        const devices = await me.client.getCrypto().getUserDeviceInfo([user], true);
        const found = devices.get(user)?.get(device);
        if (!found) return "absent";
        const status = await me.client.getCrypto().getDeviceVerificationStatus(user, device);
        return status?.signedByOwner ? "signed" : "unsigned";
    },

    // Waits until it believes that.
    async awaitDevice(me, { user, device, wanted }) {
        for (;;) {
            if ((await commands.look(me, { user, device })) === wanted) return;
            await aMoment();
        }
    },

    // Compares emoji with another client of this program, as two people do; from then on this one takes the other's user for
    // verified, and refuses to send where that user has an unsigned device.
    async verifyUser(me, { user, room: id, by }) {
        const them = clients.get(by);
        const kept = (me.kept = { them });
        const received = once(them.client, CryptoEvent.VerificationRequestReceived, () => true);
        const ours = (kept.ours = await me.client.getCrypto().requestVerificationDM(user, id));
        const theirs = (kept.theirs = await received);
        await theirs.accept();
        while (ours.phase !== VerificationPhase.Ready) await once(ours, VerificationRequestEvent.Change, () => true);
        const verifier = await ours.startVerification("m.sas.v1");
        while (!theirs.verifier) await once(theirs, VerificationRequestEvent.Change, () => true);
        const agree = async (v) => {
            const verified = v.verify();
            await (await Promise.race([shownBy(v), verified]))?.confirm();
            await verified;
        };
        await Promise.all([agree(verifier), agree(theirs.verifier)]);
        me.kept = undefined;
        while (!(await me.client.getCrypto().getUserVerificationStatus(user)).isCrossSigningVerified()) {
            await me.client.getCrypto().userHasCrossSigningKeys(user, true);
            await aMoment();
        }
    },

    // The next event of the room comes by a new key.
    async newKey(me, { room: id }) {
        await me.client.getCrypto().forceDiscardSession(id);
    },

    async holdKeys(me) {
        me.held = [];
    },

    // In the order in which they were sent. Says how many there were.
    async releaseKeys(me) {
        const held = me.held;
        me.held = undefined;
        for (const send of held) await send();
        return String(held.length);
    },

    // Takes that many keys of a device, as so many others would who begin to write to it. Says of which kind the last one is.
    async claim(me, { user, device, n }) {
        const wanted = { one_time_keys: { [user]: { [device]: "signed_curve25519" } } };
        let key;
        for (let i = 0; i < n; i++) {
            const answer = await me.client.http.authedRequest("POST", "/keys/claim", undefined, wanted);
            [key] = Object.values(answer.one_time_keys[user]?.[device] ?? {});
            if (!key) throw new Error(`no key after ${i}`);
        }
        return key.fallback ? "fallback" : "one-time";
    },

    // From now on it takes down the empty message of a device that begins anew with it.
    async listenForDummy(me) {
        me.dummy = once(me.client, sdk.ClientEvent.ReceivedToDeviceMessage, ({ message }) => message.type === "m.dummy");
    },

    async awaitDummy(me) {
        await me.dummy;
    },

    // Takes part in a group call of the room by sticky events.
    async joinRTC(me, { room: id }) {
        const rtc = me.client.matrixRTC.getRoomSession(await room(me, id));
        const isMine = (m) => m.userId === me.client.getUserId() && m.deviceId === me.client.getDeviceId();
        const joined = once(rtc, "memberships_changed", (before, after) => after.some(isMine));
        const failed = once(rtc, "membership_manager_error", () => true).then((error) => Promise.reject(error));
        await rtc.ensureRtcSlotOpen();
        rtc.joinRoomSession([FOCUS], FOCUS, { manageMediaKeys: false, unstableSendStickyEvents: true });
        await Promise.race([joined, failed]);
    },

    async leaveRTC(me, { room: id }) {
        await me.client.matrixRTC.getRoomSession(await room(me, id)).leaveRoomSession();
    },

    // The types of the last events of a room as they came from the server, what can be read as what is in it: "sent/read".
    async lastTypes(me, { room: id, n }) {
        const events = (await room(me, id)).getLiveTimeline().getEvents().slice(-n);
        return events.map((e) => `${e.getWireType()}/${e.getType()}`).join(" ");
    },

    // From now on it takes down who asks to be verified.
    async listen(me) {
        me.asked = once(me.client, CryptoEvent.VerificationRequestReceived, () => true);
    },

    async awaitQuestion(me) {
        await me.asked;
    },

    // Accepts that, as its user does, and says what is to be compared: "Dog, Cat, ...; 1234 ...". `starts`: it also begins
    // by itself.
    async compare(me, { starts }) {
        const request = await me.asked;
        await request.accept();
        if (starts) await request.startVerification("m.sas.v1");
        while (!request.verifier) await once(request, VerificationRequestEvent.Change, () => true);
        me.request = request;
        const shown = shownBy(request.verifier);
        me.verified = request.verifier.verify().then(() => "verified", (error) => String(error));
        me.shown = await Promise.race([shown, me.verified]);
        if (!me.shown.sas) throw new Error(me.shown);
        return `${me.shown.sas.emoji.map(([, name]) => name).join(", ")}; ${me.shown.sas.decimal.join(" ")}`;
    },

    // What its user says of that, "same" or "different"; says what has become of it.
    async answer(me, { word }) {
        if (word === "same") await me.shown.confirm();
        else me.shown.mismatch();
        return me.verified;
    },

    // What becomes of it without its user.
    async outcome(me) {
        return me.verified;
    },

    // Its user does not want to.
    async decline(me) {
        await (await me.asked).cancel();
    },

    // As any other device of the user that nobody has verified.
    async logout(me) {
        await me.client.logout();
        me.client.stopClient();
    },
};

async function carry_out(line) {
    const { client, do: command, ...rest } = JSON.parse(line);
    const me = clients.get(client) ?? {};
    clients.set(client, me);
    try {
        tell({ client, done: command, value: await commands[command](me, rest) });
    } catch (error) {
        tell({ client, failed: command, why: String(error?.stack ?? error) });
    }
}

for await (const line of createInterface({ input: process.stdin })) void carry_out(line);
for (const { client } of clients.values()) client?.stopClient();
process.exit(0);
