import assert from "node:assert/strict";
import { test } from "node:test";
import { formatState, parseState, START, type State, toggled } from "../src/state.ts";

test("a link leads back to the state that it was made of", () => {
	const states: State[] = [
		{ ...START, run: 3, step: 400 },
		{ ...START, page: "runs", across: "task.p", along: "a&b=c", cell: "1,2", from: 48 },
		{ ...START, measure: "weight_norm", layout: "t-sne", example: 7, rule: "by losses" },
		{ ...START, run: 1, step: 0, scale: "linear", mode: "only", frequencies: [5, 9], neurons: [0] },
		{ ...START, heads: [1, 2], activation: "absolute", rounded: "yes", a: 5, b: 0 },
		{ ...START, page: "hand", a: 0, b: 66, p: 67, frequency: 5, built: 7, rotation: 30 },
		{ ...START, page: "train", construction: "square", training: "parity,seed:4" },
		{ ...START, page: "story", part: 4 },
	];
	for (const state of states) assert.deepEqual(parseState(`#${formatState(state)}`), state);
});

test("what a link garbles or leaves out is as at the start", () => {
	assert.deepEqual(parseState(""), START);
	const garbled =
		"#run=-1&step=1e9&scale=<b>&mode=all&frequencies=5,x,,-2&neurons=NaN&heads=x&activation=evil&rounded=1&a=-3&b=1e3";
	assert.deepEqual(parseState(garbled), { ...START, frequencies: [5] });
	const page = "#page=all&p=-2&construction=gelu&training=<b>&built=x&part=1.5";
	assert.deepEqual(parseState(page), START);
	assert.equal(parseState("#step=7", { ...START, run: 12 }).run, 12);
});

test("a choice is made and taken back", () => {
	assert.deepEqual(toggled([2, 9], 5), [2, 5, 9]);
	assert.deepEqual(toggled([2, 5, 9], 5), [2, 9]);
});
