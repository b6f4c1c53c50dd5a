// One client of one user, in a page of its own: matrix-js-sdk as it comes, told what to do by driver.mjs, which calls the
// functions of `commands` and gets every change through `tell(event, value)`.

import * as sdk from "matrix-js-sdk";
import { CryptoEvent, decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";
import { openElementCall } from "./element-call.js";

// A focus that nobody runs: memberships are about who takes part, media would come later.
const FOCUS = { type: "livekit", livekit_alias: "nowhere", livekit_service_url: "https://nowhere.invalid" };

let client;
let call;
let recovery;
let hangUpElementCall;

// Resolves with the first value of `event` for which `accept` holds.
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

function follow(newCall) {
    call = newCall;
    call.on(sdk.CallEvent.State, (state) => window.tell("call", state));
    call.on(sdk.CallEvent.Error, (error) => window.tell("call-error", String(error)));
}

async function room(id) {
    return client.getRoom(id) ?? (await once(client, sdk.ClientEvent.Room, (r) => r.roomId === id));
}

async function session(id) {
    return client.matrixRTC.getRoomSession(await room(id));
}

// Until the server has said whether this device takes part.
function takesPart(rtc, wanted) {
    const isMine = (m) => m.userId === client.getUserId() && m.deviceId === client.getDeviceId();
    return once(rtc, "memberships_changed", (before, after) => after.some(isMine) === wanted);
}

window.commands = {
    // The client appears offline, as users can choose: it is not what these tests are about that another client which
    // keeps the user online catches busy.
    async login({ url, user, password, crypto }) {
        const login = await sdk.createClient({ baseUrl: url }).loginRequest({
            type: "m.login.password",
            identifier: { type: "m.id.user", user },
            password,
            initial_device_display_name: "a client in the browser",
        });
        client = sdk.createClient({
            baseUrl: url,
            userId: login.user_id,
            deviceId: login.device_id,
            accessToken: login.access_token,
            cryptoCallbacks: { getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], recovery] },
        });
        if (crypto) await client.initRustCrypto({ useIndexedDB: false });
        client.on("Call.incoming", (incoming) => {
            follow(incoming);
            window.tell("call", incoming.state);
        });
        const synced = once(client, sdk.ClientEvent.Sync, (state) => state === sdk.SyncState.Prepared);
        await client.startClient({ disablePresence: true });
        await synced;
        return login.device_id;
    },

    // As its user verifies a new client: by the recovery key. The user's identity signs it from then on.
    async verify({ key }) {
        const crypto = client.getCrypto();
        recovery = decodeRecoveryKey(key);
        await crypto.userHasCrossSigningKeys(client.getUserId(), true);
        await crypto.bootstrapCrossSigning({});
        // Until the server shows it.
        for (;;) {
            const updated = once(client, CryptoEvent.DevicesUpdated, () => true);
            const status = await crypto.getDeviceVerificationStatus(client.getUserId(), client.getDeviceId());
            if (status?.signedByOwner) return;
            await updated;
        }
    },

    async createRoom({ encrypted }) {
        const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
        const { room_id } = await client.createRoom({
            preset: sdk.Preset.PrivateChat,
            initial_state: encrypted ? [encryption] : [],
        });
        await room(room_id);
        return room_id;
    },

    async placeCall({ room: id }) {
        await room(id);
        follow(client.createCall(id));
        await call.placeVoiceCall();
    },

    async answer() {
        await call.answer(true, false);
    },

    async reject() {
        call.reject();
    },

    async hangup() {
        call.hangup("user_hangup", false);
    },

    async joinRTC({ room: id, expires, sticky, keys }) {
        const rtc = await session(id);
        const joined = takesPart(rtc, true);
        const config = { manageMediaKeys: keys, unstableSendStickyEvents: sticky, membershipEventExpiryMs: expires };
        const failed = once(rtc, "membership_manager_error", () => true);
        if (sticky) await rtc.ensureRtcSlotOpen();
        rtc.joinRoomSession([FOCUS], sticky ? FOCUS : undefined, config);
        await Promise.race([joined, failed.then((error) => Promise.reject(error))]);
        return rtc.delayId ? "delayed" : "not delayed";
    },

    async leaveRTC({ room: id }) {
        return (await session(id)).leaveRoomSession();
    },

    async joinElementCall({ room: id }) {
        const joined = takesPart(await session(id), true);
        hangUpElementCall = openElementCall(client, await room(id));
        await joined;
    },

    async leaveElementCall({ room: id }) {
        const left = takesPart(await session(id), false);
        await hangUpElementCall();
        await left;
    },
};
window.tell("page", "ready");
