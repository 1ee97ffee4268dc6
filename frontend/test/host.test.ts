import assert from "node:assert/strict";
import { test } from "node:test";
import { type News, serverModel } from "../src/host.ts";

const NEWS: News = {
	...{ store: "runs.zarr", version: "1", state: "finished", said: "", error: "" },
};

/** A model of a server that answers what is asked for in turn, and that can tell news. */
function served(...answers: Response[]) {
	const sockets: { onmessage?: (message: { data: string }) => void }[] = [];
	Object.assign(globalThis, {
		location: { hash: "", search: "?token=x" },
		addEventListener: () => {},
		fetch: async () => answers.shift()!,
		WebSocket: function (this: (typeof sockets)[0]) {
			sockets.push(this);
		},
	});
	const model = serverModel("runs.zarr");
	return { model, tell: (news: News) => sockets[0]!.onmessage!({ data: JSON.stringify(news) }) };
}

test("a page that could not be fetched is asked for again, also if there is no more news", async (t) => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const settled = () => new Promise((done) => setImmediate(done));
	const no = () => Response.json({ error: "busy" }, { status: 503 });
	const { model, tell } = served(no(), no(), no(), new Response(new Uint8Array(3)));
	tell(NEWS);
	await settled();
	for (let i = 0; i < 2; i++) {
		assert.equal(model.get("news")!.error, "busy");
		assert.equal(model.get("bundle").byteLength, 0);
		t.mock.timers.tick(10_000);
		await settled();
	}
	assert.equal(model.get("bundle").byteLength, 3);
	assert.equal(model.get("news")!.error, "");
});
