import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { accuracy, add, type Built, firstFailure, largestError, linear } from "../hand/built.ts";
import { firstMaximum } from "../evaluate.ts";
import type { Look } from "../picture.tsx";
import { type Construction, CONSTRUCTIONS, type State } from "../state.ts";
import { percent, whole } from "../words.ts";
import { Hearing, Leading, Wrinkles } from "./built.tsx";

const FEW = 3; // neurons
const MANY = 12;

/** A pair and the circle on which it is added. */
export interface Sum {
	a: number;
	b: number;
	p: number;
	frequency: number;
}

interface NeuronProps {
	sum: Sum;
	state: State;
	look: Look;
	change: (part: Partial<State>) => void;
}

const WORDS: Record<Construction, string> = {
	identity: "none: half angles",
	absolute: "|x|",
	relu: "ReLU",
	square: "x²",
};

/** A network of a few neurons, written down. */
export function FewNeurons({ sum, state, look, change }: NeuronProps): JSX.Element {
	const { a, b, p } = sum;
	const { construction: activation } = state;
	const neurons = Math.max(FEW, Math.min(MANY, state.built));
	const rotation = ((state.rotation % 360) * Math.PI) / 180;
	const built = useMemo<Built>(
		() => ({ p, neurons, activation, rotation }),
		[p, neurons, activation, rotation],
	);
	const pictures = { built, a, b, look };
	const plain = activation === "identity";
	return (
		<section class="wide">
			<h2>Built of a few neurons</h2>
			<div class="choices">
				<div role="group" aria-label="Activation">
					{CONSTRUCTIONS.map((name) => (
						<button
							key={name}
							type="button"
							aria-pressed={name === activation}
							onClick={() => change({ construction: name })}
						>
							{WORDS[name]}
						</button>
					))}
				</div>
				{!plain && (
					<div role="group" aria-label="Neurons" class="fields">
						<Slider
							name={`neurons: ${neurons}`}
							low={FEW}
							high={MANY}
							value={neurons}
							set={(value) => change({ built: value })}
						/>
						<Slider
							name={`turned by ${state.rotation % 360}°`}
							low={0}
							high={90}
							value={state.rotation % 360}
							set={(value) => change({ rotation: value })}
						/>
					</div>
				)}
			</div>
			<div class="three">
				<Hearing {...pictures} />
				<Leading {...pictures} />
				{!plain && <Wrinkles {...pictures} />}
			</div>
			{plain ? <OfHalves {...sum} /> : <Verdict {...{ built, a, b }} />}
		</section>
	);
}

interface SliderProps {
	name: string;
	low: number;
	high: number;
	value: number;
	set: (value: number) => void;
}

function Slider({ name, low, high, value, set }: SliderProps): JSX.Element {
	return (
		<label>
			{name}
			<input
				type="range"
				min={low}
				max={high}
				value={value}
				onInput={(event) => set(event.currentTarget.valueAsNumber)}
			/>
		</label>
	);
}

/** What the half-angle model knows, and what it lacks. */
function OfHalves({ a, b, p }: Sum): JSX.Element {
	const { logits, length } = linear(p, a, b);
	const chosen = firstMaximum(logits);
	return (
		<p class="key" data-built-logits={[...logits].join(" ")} data-built-answer={chosen}>
			Two points on a circle add up to an arrow that points half way between them: at half the angle
			of their sum, but its length may be negative, and then it points the other way. So without an
			activation there have to be {whole(2 * p)} outputs, which go round twice, and output {chosen}{" "}
			stands for {chosen % p}.
			{Math.abs(length) < 1e-9 &&
				" Here the two points are opposite, their arrow has no length, and nothing is left to answer with."}{" "}
			That is a trick: one answer has two outputs. An activation that does not care for the sign
			folds the circle in on itself, and {whole(p)} outputs are enough.
		</p>
	);
}

/** Whether the construction is exact, and from which modulus on it is not. */
function Verdict({ built, a, b }: { built: Built; a: number; b: number }): JSX.Element {
	const { p, neurons, activation, rotation } = built;
	const right = useMemo(() => accuracy(built), [built]);
	const logits = useMemo(() => add(built, a, b).logits.join(" "), [built, a, b]);
	const rows = useMemo(() => limits(activation, rotation), [activation, rotation]);
	const { fails, bound } = rows[neurons - FEW]!;
	return (
		<>
			<p
				data-built-accuracy={right}
				data-built-fails={fails ?? "never"}
				data-built-bound={bound}
				data-built-logits={logits}
			>
				<strong>
					{neurons} neurons of {WORDS[activation]} answer {percent(right)} of all pairs modulo{" "}
					{whole(p)}
					{right === 1 ? ": the construction is exact." : "."}
				</strong>{" "}
				{p % 2 === 0 &&
					`Modulo an even number one frequency cannot answer pairs that are ${p / 2} apart: ` +
						`their arrow has no length, so that ${percent(1 - 1 / p)} is the most there can be. `}
				{reach(fails, bound)}
			</p>
			<table class="fits" tabIndex={0} aria-label="First odd modulus that fails">
				<tbody>
					<tr>
						<th scope="row">neurons</th>
						{rows.map((row) => (
							<td key={row.neurons}>{row.neurons}</td>
						))}
					</tr>
					<tr>
						<th scope="row">first odd p that fails</th>
						{rows.map((row) => (
							<td key={row.neurons}>{row.fails === undefined ? "none" : whole(row.fails)}</td>
						))}
					</tr>
				</tbody>
			</table>
			<p class="key">
				Left: each neuron hears how far the arrow of both inputs reaches in its direction. Middle:
				it adds what it says of that in the direction of twice its angle; the grey line is where all
				arrows of one length lead. Right: by how much each sum misses its class. A modulus bears
				that as long as it stays within half a class.
				{fails !== undefined && " An odd number of neurons is worth as much as twice as many."}
			</p>
		</>
	);
}

interface Limit {
	neurons: number;
	fails: number | undefined; // the first odd modulus
	bound: number; // every odd modulus below it is exact, however the neurons are turned
}

function limits(activation: Construction, rotation: number): Limit[] {
	return Array.from({ length: MANY - FEW + 1 }, (_, i) => {
		const spokes = { neurons: FEW + i, rotation, activation };
		return {
			neurons: spokes.neurons,
			fails: firstFailure(spokes),
			bound: Math.PI / largestError(spokes),
		};
	});
}

function reach(fails: number | undefined, bound: number): string {
	if (fails === undefined) return "All sums lead to a true circle: it is exact for every odd p.";
	if (fails === 3) return "Their sums do not lead round a circle: no modulus is exact.";
	return (
		`The circle has wrinkles: turned as they are, they first miss a sum modulo ${whole(fails)}. ` +
		`However they are turned, every odd p up to ${whole(Math.floor(bound))} is exact.`
	);
}
