import assert from "node:assert/strict";
import { test } from "node:test";
import { byLastChange, countsOf as countsOfKinds, kindsAt } from "../src/answers.ts";
import type { Bundle } from "../src/bundle.ts";
import { countsOf, initials, placeName, placesOf, placeWords } from "../src/places.ts";
import { START } from "../src/state.ts";
import type { Answers } from "../src/sweep.ts";

const of = (...data: number[]) => ({ data: Uint16Array.from(data), shape: [data.length] });
const axes = [
	{ path: "model.width", name: "width", levels: ["8", "16"], of: of(0, 1, 0, 1) },
	{ path: "seed", name: "seed", levels: ["0", "1"], of: of(0, 0, 1, 1) },
];
const bundle = { axes, runs: [{}, {}, {}, {}] } as unknown as Bundle;

test("every run has its place, from the highest row down", () => {
	const sweep = placesOf(bundle, START)!;
	assert.deepEqual(sweep.places.map(placeName), ["0,1", "1,1", "0,0", "1,0"]);
	assert.deepEqual(
		sweep.places.map((place) => place.runs),
		[[2], [3], [0], [1]],
	);
	assert.equal(placeWords(sweep, sweep.places[1]!), "width 16, seed 1");
});

test("axes are those that were asked for, and others where these are not known", () => {
	const { across, along } = placesOf(bundle, { ...START, across: "seed" })!;
	assert.deepEqual([across.path, along?.path], ["seed", "model.width"]);
	assert.equal(placesOf(bundle, { ...START, across: "<b>" })!.across.path, "model.width");
	assert.equal(placesOf({ ...bundle, axes: axes.slice(0, 1) }, START)!.along, undefined);
	assert.equal(placesOf({ ...bundle, axes: [] }, START), undefined);
});

test("phases are counted, and told apart by how they begin", () => {
	const phases = {
		name: "",
		meanings: ["unknown", "grokking"],
		thresholds: {},
		of: of(1, 1, 0, 1),
	};
	assert.deepEqual(countsOf(phases, [0, 2, 3]), [1, 2]);
	const words = ["confusion", "comprehension", "grokking"];
	assert.deepEqual(initials(words), ["con", "com", "g"]);
	assert.deepEqual(initials(["partial", "partial inversion"]), ["partial", "partial "]);
});

test("an answer is told by both labels, and examples by when they changed last", () => {
	const answers = {
		steps: of(0, 5),
		given: of(3, 3, 3, 3),
		truth: of(3, 3, 4, 5),
		answers: { data: Uint16Array.from([3, 1, 4, 0, 3, 1, 3, 0]), shape: [2, 4] },
		classes: 7,
		pairs: null,
	} as Answers;
	const kinds = [kindsAt(answers, 0), kindsAt(answers, 1)];
	assert.deepEqual([...kinds[0]!], [0, 1, 3, 4]);
	assert.deepEqual([...kinds[1]!], [0, 1, 2, 4]);
	assert.deepEqual(countsOfKinds(kinds[1]!), [1, 1, 1, 0, 1]);
	assert.deepEqual(byLastChange(answers, kinds), [2, 3]);
});
