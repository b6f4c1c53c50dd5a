// Clients of matrix-js-sdk in a real browser, for tests in another language.
//
//   node driver.mjs MODULES      (the folder into which package-lock.json was installed)
//
// Reads a command a line: {"client": NAME, "do": COMMAND, ...what page.js wants for it}. A new name is a new client, in a
// page with cookies and storage of its own. Writes a line for everything that happens: {"client", "done", "value"},
// {"client", "failed", "why"}, {"client", "event", "value"}. Ends with its standard input, and the browser with it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const modules = join(process.argv[2], "node_modules");
const require = createRequire(join(modules, "/"));
const esbuild = require("esbuild");
const { chromium } = require("playwright-core");

const CHROMIUM_OPTIONS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    // Both ends of a call are on this machine, which may have no other network.
    "--allow-loopback-in-peer-connection",
];

function say(line) {
    process.stdout.write(JSON.stringify(line) + "\n");
}

// page.js and all it imports, as one script.
async function bundle() {
    const { outputFiles } = await esbuild.build({
        entryPoints: [join(here, "page.js")],
        bundle: true,
        format: "esm",
        write: false,
        logLevel: "error",
        nodePaths: [modules],
        define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    });
    return outputFiles[0].contents;
}

const TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".wasm": "application/wasm",
};
// What is served from the folder of modules.
const FOLDERS = {
    "/pkg/": "@matrix-org/matrix-sdk-crypto-wasm/pkg/",
    "/element-call/": "@element-hq/element-call-embedded/dist/",
};
const PAGE = '<!doctype html><title>client</title><body><script type="module" src="/page.js"></script>';

// Element Call asks for this before it joins: where to send its media, and a token for that. Nobody answers there.
function mediaServer(host) {
    const claims = { sub: "nobody", video: { room: "nowhere" }, exp: 2 ** 32 };
    const jwt = ["{}", JSON.stringify(claims), "-"].map((part) => Buffer.from(part).toString("base64url")).join(".");

    return JSON.stringify({ url: `ws://${host}/nowhere`, jwt });
}

async function content(path) {
    for (const [prefix, folder] of Object.entries(FOLDERS))
        if (path.startsWith(prefix)) return readFile(join(modules, folder, path.slice(prefix.length)));
    throw new Error(`${path} is not served`);
}

// The page comes from a server, since browsers give microphones and WebAssembly only to pages that do.
async function serve() {
    const script = await bundle();
    const made = (path, host) =>
        ({
            "/": [".html", PAGE],
            "/page.js": [".js", script],
            "/tokens/sfu/get": [".json", mediaServer(host)],
        })[path];
    const server = createServer(async (request, response) => {
        const path = new URL(request.url, "http://localhost").pathname;

        try {
            const [extension, body] = made(path, request.headers.host) ?? [extname(path), await content(path)];

            response.writeHead(200, { "Content-Type": TYPES[extension] ?? "application/octet-stream" });
            response.end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${server.address().port}/`;
}

async function open(browser, address, client) {
    const context = await browser.newContext({ permissions: ["microphone", "camera"] });
    const page = await context.newPage();
    const ready = new Promise((resolve) => {
        page.exposeFunction("tell", (event, value) => {
            if (event === "page") resolve();
            say({ client, event, value });
        }).then(() => page.goto(address));
    });

    page.on("pageerror", (error) => say({ client, event: "page-error", value: String(error) }));
    page.on("console", (message) => process.stderr.write(`${client}: ${message.text()}\n`));
    await ready;
    return page;
}

async function carryOut(pages, { client, do: command, ...rest }) {
    try {
        const page = await pages(client);
        const run = ([name, argument]) => window.commands[name](argument);

        say({ client, done: command, value: (await page.evaluate(run, [command, rest])) ?? null });
    } catch (error) {
        say({ client, failed: command, why: String(error) });
    }
}

const [address, browser] = await Promise.all([
    serve(),
    chromium.launch({ executablePath: join(here, "chromium"), chromiumSandbox: false, args: CHROMIUM_OPTIONS }),
]);
const opened = new Map();
const pages = (client) => {
    if (!opened.has(client)) opened.set(client, open(browser, address, client));
    return opened.get(client);
};

say({ event: "started" });
for await (const line of createInterface({ input: process.stdin })) void carryOut(pages, JSON.parse(line));
await browser.close();
process.exit(0);
