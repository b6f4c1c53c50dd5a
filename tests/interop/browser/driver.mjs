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
import { join } from "node:path";
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

// The page comes from a server, since browsers give microphones and WebAssembly only to pages that do.
async function serve() {
    const files = {
        "/": ["text/html", '<!doctype html><title>client</title><script type="module" src="/page.js"></script>'],
        "/page.js": ["text/javascript", await bundle()],
        "/pkg/matrix_sdk_crypto_wasm_bg.wasm": [
            "application/wasm",
            await readFile(join(modules, "@matrix-org/matrix-sdk-crypto-wasm/pkg/matrix_sdk_crypto_wasm_bg.wasm")),
        ],
    };
    const server = createServer((request, response) => {
        const [type, body] = files[request.url] ?? [];

        response.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" });
        response.end(body);
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
