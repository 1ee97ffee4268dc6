import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { type Forward, isMissing, type Kept } from "../bundle.ts";
import { colorOf, frequencyOf } from "../groups.ts";
import { canAnswer, cut, evaluate, networkAt, type Result } from "../network.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { paint } from "../ramp.ts";
import { type State, toggled } from "../state.ts";
import { percent, short, whole } from "../words.ts";

interface Props {
	kept: Kept;
	index: number;
	look: Look;
	state: State;
	change: (part: Partial<State>) => void;
}

/** Switch parts of the network off, or keep only them, and see what it still knows. */
export function Apart(props: Props): JSX.Element {
	const { kept } = props;
	if (isMissing(kept.forward))
		return <Note>This network cannot be taken apart here. {kept.forward.why}</Note>;
	if (!canAnswer(kept.forward)) {
		return (
			<Note>
				This page does not know how to compute neurons of the kind “{kept.forward.activation}”.
			</Note>
		);
	}
	return (
		<>
			<Choices {...props} />
			<Outcome {...props} forward={kept.forward} />
		</>
	);
}

function Choices({ kept, look, state, change }: Props): JSX.Element {
	const [, , tokens = 0] = kept.w_in.shape;
	const frequencies = Array.from({ length: Math.floor(tokens / 2) }, (_, i) => i + 1);
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
				<button
					type="button"
					disabled={!state.frequencies.length && !state.neurons.length}
					onClick={() => change({ frequencies: [], neurons: [] })}
				>
					clear
				</button>
			</div>
			<Toggles
				name="frequencies"
				all={frequencies}
				chosen={state.frequencies}
				color={(k) => colorOf(k, kept, look)}
				choose={(k) => change({ frequencies: toggled(state.frequencies, k) })}
			/>
			<Toggles
				name="neurons"
				all={[...kept.order.data]}
				chosen={state.neurons}
				color={(n) => colorOf(frequencyOf(n, kept), kept, look)}
				choose={(n) => change({ neurons: toggled(state.neurons, n) })}
			/>
		</div>
	);
}

interface TogglesProps {
	name: "frequencies" | "neurons";
	all: number[];
	chosen: number[];
	color: (one: number) => string;
	choose: (one: number) => void;
}

function Toggles({ name, all, chosen, color, choose }: TogglesProps): JSX.Element {
	const one = name === "neurons" ? "neuron" : "frequency";
	return (
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
}

function Outcome({ kept, index, look, state, forward }: Props & { forward: Forward }): JSX.Element {
	const network = useMemo(() => networkAt(kept.w_in, kept.w_out!, index), [kept, index]);
	const before = useMemo(() => evaluate(network, forward), [network]);
	const { mode, frequencies, neurons } = state;
	const chosen = `${mode} ${frequencies} ${neurons}`;
	const after = useMemo(() => {
		const began = performance.now();
		const nothing = !frequencies.length && !neurons.length;
		const result = nothing
			? before
			: evaluate(cut(network, { mode, frequencies, neurons }), forward);
		return { ...result, milliseconds: performance.now() - began };
	}, [network, chosen]);
	const rows = [
		["the whole network", before],
		["taken apart", after],
	] as const;
	return (
		<>
			<table>
				<thead>
					<tr>
						<th scope="col">on all {whole(before.right.length)} questions</th>
						<th scope="col">accuracy</th>
						<th scope="col">loss</th>
					</tr>
				</thead>
				<tbody aria-live="polite">
					{rows.map(([name, result]) => (
						<tr
							key={name}
							data-outcome={name}
							data-accuracy={result.accuracy}
							data-train={result.train}
							data-test={result.test}
							data-loss={result.loss}
							data-milliseconds={"milliseconds" in result ? result.milliseconds : undefined}
						>
							<th scope="row">{name}</th>
							<td>{percent(result.accuracy)}</td>
							<td>{short(result.loss)}</td>
						</tr>
					))}
				</tbody>
			</table>
			<Right result={after} forward={forward} look={look} />
			<p class="key">
				Computed here, from the weights at this step. To switch off a frequency is to take its wave
				out of every neuron’s input weights; to switch off a neuron is to silence it.
			</p>
		</>
	);
}

/** Where the answers are wrong, if the questions are all pairs of two things. */
function Right({ result, forward, look }: { result: Result; forward: Forward; look: Look }) {
	const side = Math.sqrt(result.right.length);
	const height = 230;
	const draw = useCallback(
		({ context, width, look }: Frame) => {
			const size = Math.min(width - 24, height - 24);
			const image = new ImageData(side, side);
			const [right, ...wrong] = [look.rule, look.test, look.train].map(rgb);
			result.right.forEach((hit, q) => {
				image.data.set(hit ? right! : wrong[forward.trained.data[q]!]!, q * 4);
			});
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
	const label =
		"Map of all pairs of a and b, taken apart: " +
		`of training pairs ${percent(result.train)}, of test pairs ${percent(result.test)} are right.`;
	return (
		<>
			{Number.isInteger(side) && <Picture name="right" {...{ label, height, look, draw }} />}
			<p class="key">
				Taken apart, it is right on {percent(result.train)} of what it was trained on and on{" "}
				{percent(result.test)} of the rest.
				{Number.isInteger(side) && (
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

function rgb(color: string): number[] {
	return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)).concat(255);
}
