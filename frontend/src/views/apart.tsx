import type { JSX } from "preact";
import { useCallback } from "preact/hooks";
import { ACTIVATIONS } from "../activations.ts";
import { type Forward, isMissing, type Kept } from "../bundle.ts";
import { type Result, sides } from "../evaluate.ts";
import { colorOf, frequencyOf } from "../groups.ts";
import { pairsOf } from "../pairs.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { paint } from "../ramp.ts";
import { type State, toggled } from "../state.ts";
import { canRound, type Taken } from "../taken.ts";
import { ofPairs } from "../tables.ts";
import { percent, short, whole } from "../words.ts";
import { pairImage, rgb } from "./pair.tsx";

const FEW = 64; // parts beyond which their numbers are shown only where a reader asks for them
const NOTHING: Partial<State> = {
	frequencies: [],
	neurons: [],
	heads: [],
	activation: "",
	rounded: "",
};

interface Props {
	kept: Kept;
	index: number;
	look: Look;
	state: State;
	change: (part: Partial<State>) => void;
	taken: Taken | string;
}

/** Switch parts of the network off, or keep only them, and see what it still knows. */
export function Apart(props: Props): JSX.Element {
	const { kept, taken } = props;
	if (typeof taken === "string")
		return <Note>This network cannot be taken apart here. {taken}</Note>;
	return (
		<>
			<Choices {...props} taken={taken} />
			<Outcome look={props.look} taken={taken} />
			{kept.channels && (
				<p class="key">
					A head that is switched off writes nothing. What goes past the neurons, from heads
					straight to the answers, stays when neurons are switched off.
				</p>
			)}
		</>
	);
}

function Choices({ kept, index, look, state, change, taken }: Props & { taken: Taken }) {
	const { network } = taken.whole;
	const count = (size: number, first: number) => Array.from({ length: size }, (_, i) => first + i);
	const modes = [
		["without", "switch off"],
		["only", "keep only"],
	] as const;
	return (
		<div class="choices">
			<div role="group" aria-label="What to do with what is chosen">
				{modes.map(([mode, words]) => (
					<button type="button" aria-pressed={state.mode === mode} onClick={() => change({ mode })}>
						{words}
					</button>
				))}
				<button type="button" disabled={taken.isWhole} onClick={() => change(NOTHING)}>
					clear
				</button>
			</div>
			<Toggles
				name="frequencies"
				all={count(Math.floor(network.tokens / 2), 1)}
				chosen={state.frequencies}
				color={(k) => colorOf(k, kept, look)}
				choose={(k) => change({ frequencies: toggled(state.frequencies, k) })}
			/>
			{network.attention && (
				<Toggles
					name="heads"
					all={count(network.attention.heads, 0)}
					chosen={state.heads}
					color={() => look.quiet}
					choose={(h) => change({ heads: toggled(state.heads, h) })}
				/>
			)}
			<Toggles
				name="neurons"
				all={[...kept.order.data]}
				chosen={state.neurons}
				color={(n) => colorOf(frequencyOf(n, kept), kept, look)}
				choose={(n) => change({ neurons: toggled(state.neurons, n) })}
			/>
			<Changes {...{ kept, index, state, change, taken }} />
		</div>
	);
}

/** Other neurons in the place of the network's own, and pure waves in the place of its weights. */
function Changes({ kept, index, state, change, taken }: Omit<Props, "look"> & { taken: Taken }) {
	const own = taken.whole.forward.activation;
	const { ideal } = taken.whole.forward;
	const others = ACTIVATIONS.filter((name) => name !== own);
	return (
		<>
			<div role="group" aria-label="What to change">
				<label>
					neurons that are{" "}
					<select
						value={state.activation === own ? "" : state.activation}
						onChange={(event) => change({ activation: event.currentTarget.value })}
					>
						<option value="">{own} (as trained)</option>
						{others.map((name) => (
							<option key={name} value={name}>
								{name}
							</option>
						))}
					</select>
				</label>
				{!isMissing(ideal) && (
					<button
						type="button"
						aria-pressed={taken.ideal}
						disabled={!canRound(kept, index)}
						onClick={() => change({ rounded: state.rounded ? "" : "yes" })}
					>
						round to pure waves
					</button>
				)}
			</div>
			{!isMissing(ideal) && !canRound(kept, index) && (
				<p class="key">
					The weights of the last step can be rounded to the pure waves that they stand for: go to
					step {whole(kept.steps.data.at(-1)!)}.
				</p>
			)}
			{taken.ideal && (
				<p class="key">
					Every neuron now hears its mean and one pure wave of each input, and writes one pure wave,
					whose phase is the sum of the two.
				</p>
			)}
		</>
	);
}

interface TogglesProps {
	name: "frequencies" | "heads" | "neurons";
	all: number[];
	chosen: number[];
	color: (one: number) => string;
	choose: (one: number) => void;
}

function Toggles({ name, all, chosen, color, choose }: TogglesProps): JSX.Element {
	const one = { frequencies: "frequency", heads: "head", neurons: "neuron" }[name];
	const buttons = (
		<div role="group" aria-label={name} class="toggles">
			<span>{name}</span>
			{all.map((n) => (
				<button
					key={n}
					type="button"
					aria-pressed={chosen.includes(n)}
					aria-label={`${one} ${n}`}
					style={{ "--mark": color(n) }}
					onClick={() => choose(n)}
				>
					{n}
				</button>
			))}
		</div>
	);
	if (all.length <= FEW) return buttons;
	return (
		<details>
			<summary>
				{whole(all.length)} {name}
				{chosen.length > 0 && `, of which ${whole(chosen.length)} are chosen`}
			</summary>
			{buttons}
		</details>
	);
}

function Outcome({ look, taken }: { look: Look; taken: Taken }): JSX.Element {
	const rows = [
		["the whole network", taken.whole],
		["taken apart", taken.left],
	] as const;
	const { forward, result } = taken.left;
	return (
		<>
			<table>
				<thead>
					<tr>
						<th scope="col">on all {whole(forward.labels.data.length)} questions</th>
						<th scope="col">accuracy</th>
						<th scope="col">loss</th>
					</tr>
				</thead>
				<tbody aria-live="polite">
					{rows.map(([name, { result, milliseconds }]) => (
						<tr
							key={name}
							data-outcome={name}
							data-accuracy={result?.accuracy}
							data-train={result?.train}
							data-test={result?.test}
							data-loss={result?.loss}
							data-milliseconds={milliseconds}
						>
							<th scope="row">{name}</th>
							<td>{result ? percent(result.accuracy) : "computing …"}</td>
							<td>{result && short(result.loss)}</td>
						</tr>
					))}
				</tbody>
			</table>
			{result && <Right {...{ result, forward, look }} />}
			<p class="key">
				Computed here, from the weights at this step. To switch off a frequency is to take its wave
				out of every neuron’s input weights; to switch off a neuron is to silence it.
			</p>
		</>
	);
}

/** Where the answers are wrong, if the questions are all pairs of two things. */
function Right({ result, forward, look }: { result: Result; forward: Forward; look: Look }) {
	const pairs = pairsOf(forward);
	const height = 230;
	const draw = useCallback(
		({ context, width, look }: Frame) => {
			const size = Math.min(width - 24, height - 24);
			const [right, ...wrong] = [look.rule, look.test, look.train].map((color) => rgb(color));
			const image = pairImage(pairs!, (q) =>
				result.right[q] ? right! : wrong[forward.trained.data[q]!]!,
			);
			paint(context, image, [20, 2, size, size]);
			context.fillStyle = look.quiet;
			context.textAlign = "center";
			context.textBaseline = "middle";
			context.fillText("a", 9, 2 + size / 2);
			context.textBaseline = "top";
			context.fillText("b", 20 + size / 2, size + 6);
		},
		[result, forward],
	);
	const table = () =>
		ofPairs(pairs!, ["trained", "right", "correct logit", "margin"], (q) => [
			forward.trained.data[q]!,
			result.right[q]!,
			result.correct[q]!,
			result.margin[q]!,
		]);
	const label = `Map of all pairs of a and b, taken apart: ${sides(result, "pairs")} are right.`;
	return (
		<>
			{pairs && <Picture name="right" {...{ label, height, look, draw, table }} />}
			<p class="key">
				Taken apart, it is right on {sides(result, "questions")}.
				{pairs && (
					<>
						{" "}
						The map has its wrong answers to <span class="train">training</span> and{" "}
						<span class="test">test</span> pairs.
					</>
				)}
			</p>
		</>
	);
}
