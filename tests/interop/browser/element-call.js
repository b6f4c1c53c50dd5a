// Element Call as other clients embed it: a widget in a frame, whose host (this file) gives it the client's room.

import { ClientWidgetApi, Widget, WidgetDriver } from "matrix-widget-api";
import { ClientEvent, MatrixError, RoomStateEvent } from "matrix-js-sdk";

// Where driver.mjs serves Element Call, and what it needs beside: tokens for a media server (that does not exist).
const PLACE = `${location.origin}/element-call/index.html`;
const TOKEN_SERVICE = `${location.origin}/tokens`;

// What Element Call announces and wants an answer to; the host has nothing to do for it.
const ANNOUNCED = ["io.element.join", "io.element.device_mute", "io.element.close", "set_always_on_screen"];

const raw = (event) => event.getEffectiveEvent();

// What the widget may do, done by the client.
class Host extends WidgetDriver {
    constructor(client, room) {
        super();
        this.client = client;
        this.room = room;
    }

    async validateCapabilities(wanted) {
        return wanted;
    }

    async sendEvent(type, content, stateKey = null) {
        const { client, room } = this;
        const { event_id } =
            stateKey === null
                ? await client.sendEvent(room.roomId, type, content)
                : await client.sendStateEvent(room.roomId, type, content, stateKey);

        return { roomId: room.roomId, eventId: event_id };
    }

    async sendDelayedEvent(delay, type, content, stateKey) {
        const { client, room } = this;
        const sent = await client._unstable_sendDelayedStateEvent(room.roomId, { delay }, type, content, stateKey);

        return { roomId: room.roomId, delayId: sent.delay_id };
    }

    cancelScheduledDelayedEvent(id) {
        return this.client._unstable_cancelScheduledDelayedEvent(id);
    }

    restartScheduledDelayedEvent(id) {
        return this.client._unstable_restartScheduledDelayedEvent(id);
    }

    sendScheduledDelayedEvent(id) {
        return this.client._unstable_sendScheduledDelayedEvent(id);
    }

    async readRoomTimeline() {
        return [];
    }

    async readRoomState(roomId, type, stateKey) {
        const state = this.room.getLiveTimeline().getState("f");
        const events = stateKey === undefined ? state.getStateEvents(type) : [state.getStateEvents(type, stateKey)];

        return events.filter(Boolean).map(raw);
    }

    async askOpenID(observer) {
        observer.update({ state: "allowed", token: await this.client.getOpenIdToken() });
    }

    async getRtcTransports() {
        return { rtc_transports: [{ type: "livekit", livekit_service_url: TOKEN_SERVICE }] };
    }

    getKnownRooms() {
        return [this.room.roomId];
    }

    processError(error) {
        return error instanceof MatrixError ? { matrix_api_error: error.asWidgetApiErrorData() } : undefined;
    }
}

function address(client, room) {
    const parameters = {
        widgetId: "call",
        parentUrl: location.href,
        roomId: room.roomId,
        userId: client.getUserId(),
        deviceId: client.getDeviceId(),
        baseUrl: client.baseUrl,
        intent: "start_call",
        skipLobby: "true",
        confineToRoom: "true",
        perParticipantE2EE: "false",
    };
    return `${PLACE}#?${new URLSearchParams(parameters)}`;
}

// Opens it in the page; it joins by itself. Returns a function that presses its button to hang up.
export function openElementCall(client, room) {
    const url = address(client, room);
    const frame = document.createElement("iframe");
    const widget = new Widget({ id: "call", creatorUserId: client.getUserId(), type: "m.call", url });
    const isHere = (event) => event.getRoomId() === room.roomId;

    frame.allow = "camera; microphone";
    document.body.append(frame);
    const api = new ClientWidgetApi(widget, frame, new Host(client, room));
    for (const name of ANNOUNCED)
        api.on(`action:${name}`, (action) => {
            action.preventDefault();
            api.transport.reply(action.detail, {});
        });
    client.on(ClientEvent.Event, (event) => isHere(event) && api.feedEvent(raw(event)));
    client.on(RoomStateEvent.Events, (event) => isHere(event) && api.feedStateUpdate(raw(event)));
    frame.src = url;
    return () => api.transport.send("im.vector.hangup", {});
}
