import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSettings, KINDS, parseSettings, STARTS } from "../src/training/settings.ts";

test("settings lead back from a link", () => {
	for (const kind of KINDS) {
		assert.equal(formatSettings(STARTS[kind]), kind);
		assert.deepEqual(parseSettings(kind), STARTS[kind]);
	}
	const chosen = { ...STARTS.addition, p: 67, rank: 500, weight_decay: 0, seed: 3 };
	assert.equal(formatSettings(chosen), "addition,p:67,rank:500,weight_decay:0,seed:3");
	assert.deepEqual(parseSettings(formatSettings(chosen)), chosen);
});

test("what a link garbles is as at the start, and what is too much is the most there may be", () => {
	assert.deepEqual(parseSettings("<b>,p:x,rank:"), STARTS.addition);
	assert.deepEqual(parseSettings("parity,p:67,kind:run"), STARTS.parity);
	assert.equal(parseSettings("addition,p:1e9").p, 113);
	assert.equal(parseSettings("addition,p:-4").p, 3);
	assert.equal(parseSettings("addition,p:30.6").p, 31);
});
