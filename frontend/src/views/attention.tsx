import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import type { Forward } from "../bundle.ts";
import { pattern, written } from "../evaluate.ts";
import type { Attention as Heads, Network } from "../network.ts";
import { asked, type Pairs, pairsOf } from "../pairs.ts";
import { type Frame, type Look, Note, Picture } from "../picture.tsx";
import { cells, paint, shade } from "../ramp.ts";
import type { State } from "../state.ts";
import type { Taken } from "../taken.ts";
import { grid } from "../tables.ts";
import { percent, short, whole } from "../words.ts";
import { ChoosePair, pairImage, PairMap } from "./pair.tsx";

const [ROW, SIDE, TOP, FOOT] = [30, 76, 22, 20]; // pixels of the pattern

interface Props {
	look: Look;
	state: State;
	change: (part: Partial<State>) => void;
	taken: Taken | string;
}

/** Where every head looks for a pair, what it fetches from there, and where it looks for all pairs. */
export function Attention(props: Props): JSX.Element {
	const { taken, state } = props;
	if (typeof taken === "string") return <Note>Attention cannot be computed here. {taken}</Note>;
	const { network, forward } = taken.left;
	const pairs = pairsOf(forward);
	if (!pairs || !network.attention)
		return <Note>The questions of this task are not pairs, of which one could be chosen.</Note>;
	const { question } = asked(pairs, state.a, state.b);
	const given = { ...props, network, forward, pairs, attention: network.attention };
	return (
		<>
			<ChoosePair {...props} pairs={pairs} />
			{question < 0 ? (
				<Note>There is no answer for this pair: choose another one.</Note>
			) : (
				<OfPair {...given} question={question} />
			)}
			<OfAll {...given} />
		</>
	);
}

interface Given extends Omit<Props, "taken"> {
	network: Network;
	forward: Forward;
	pairs: Pairs;
	attention: Heads;
}

/** What is asked at each position, in words. */
function namesOf({ at: [first, second] }: Pairs, tokens: ArrayLike<number>): string[] {
	return Array.from(tokens, (token, i) =>
		i === first ? `a = ${token}` : i === second ? `b = ${token}` : `token ${token}`,
	);
}

function OfPair({
	look,
	network,
	forward,
	pairs,
	attention,
	question,
}: Given & { question: number }) {
	const { positions, heads, off } = attention;
	const tokens = forward.inputs.data.subarray(question * positions, (question + 1) * positions);
	const label = forward.labels.data[question]!;
	const shares = useMemo(() => pattern(attention, tokens), [attention, question]);
	const fetched = useMemo(
		() =>
			Array.from({ length: heads * positions }, (_, at) => {
				const [head, position] = [Math.floor(at / positions), at % positions];
				const share = off.includes(head) ? 0 : shares[position * heads + head]!;
				const found = written(attention, position, tokens[position]!, head);
				const size = Math.hypot(...found.subarray(0, network.neurons));
				const past = found.subarray(network.neurons);
				const mean = past.reduce((sum, x) => sum + x, 0) / past.length;
				const logit = share * (past[label]! - mean);
				return { head, position, share, neurons: share * size, logit };
			}),
		[attention, question, network.neurons],
	);
	const names = namesOf(pairs, tokens);
	return (
		<div class="pair">
			<Pattern {...{ look, attention, shares, names }} />
			<div class="scrolls" tabIndex={0} role="region" aria-label="What heads fetch, as a table">
				<table class="numbers">
					<thead>
						<tr>
							<th scope="col">head</th>
							<th scope="col">looks at</th>
							<th scope="col">attention</th>
							<th scope="col">to neurons</th>
							<th scope="col">to the logit of {label}</th>
						</tr>
					</thead>
					<tbody>
						{fetched.map(({ head, position, share, neurons, logit }) => (
							<tr
								key={`${head} ${position}`}
								data-head={head}
								data-position={position}
								data-attention={share}
								data-neurons={neurons}
								data-logit={logit}
							>
								<th scope="row">
									{position === 0 && `${head}${off.includes(head) ? " (off)" : ""}`}
								</th>
								<td>{names[position]}</td>
								<td>{percent(share)}</td>
								<td>{short(neurons)}</td>
								<td>{short(logit)}</td>
							</tr>
						))}
					</tbody>
				</table>
				<p class="key">
					Both are what a head would write if it looked there alone, times its attention: the size
					of what all neurons hear of it, and what it adds to the logit, about the mean over
					classes, past the neurons.
				</p>
			</div>
		</div>
	);
}

interface PatternProps {
	look: Look;
	attention: Heads;
	shares: Float64Array;
	names: string[];
}

function Pattern({ look, attention, shares, names }: PatternProps): JSX.Element {
	const { heads, positions } = attention;
	const height = TOP + heads * ROW + FOOT;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, look } = frame;
			const wide = (width - SIDE - 4) / positions;
			const image = cells(positions, heads, look.ramps["share"]!, (i, h) => shares[i * heads + h]!);
			paint(context, image, [SIDE, TOP, wide * positions, ROW * heads]);
			context.textBaseline = "middle";
			for (let h = 0; h < heads; h++) {
				context.fillStyle = look.ink;
				context.textAlign = "left";
				context.fillText(
					`head ${h}${attention.off.includes(h) ? " off" : ""}`,
					2,
					TOP + (h + 0.5) * ROW,
				);
				context.textAlign = "center";
				for (let i = 0; i < positions; i++) {
					const share = shares[i * heads + h]!;
					context.fillStyle = contrast(shade(look.ramps["share"]!, share));
					context.fillText(percent(share), SIDE + (i + 0.5) * wide, TOP + (h + 0.5) * ROW);
				}
			}
			context.fillStyle = look.ink;
			context.textBaseline = "bottom";
			names.forEach((name, i) => context.fillText(name, SIDE + (i + 0.5) * wide, TOP - 4));
		},
		[shares, names.join()],
	);
	const told = Array.from({ length: heads }, (_, h) => {
		const parts = names.map((name, i) => `${percent(shares[i * heads + h]!)} to ${name}`);
		return `head ${h}: ${parts.join(", ")}`;
	});
	const label = `Attention at the last position. ${told.join("; ")}.`;
	const every = Array.from({ length: heads }, (_, h) => h);
	const table = () =>
		grid(["head", "position", "attention"], every, positions, (h, i) => shares[i * heads + h]!);
	return <Picture name="attention" {...{ label, height, look, draw, table }} />;
}

/** Black or white, whichever can be read on a colour. */
function contrast([red = 0, green = 0, blue = 0]: Uint8ClampedArray): string {
	return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000000" : "#ffffff";
}

function OfAll({ look, state, change, forward, pairs, attention }: Given): JSX.Element {
	const { heads, positions } = attention;
	const maps = useMemo(() => {
		const tokens = forward.inputs.data;
		const count = forward.labels.data.length;
		const found = Array.from({ length: heads }, () => new Float32Array(count));
		for (let q = 0; q < count; q++) {
			const shares = pattern(attention, tokens.subarray(q * positions, (q + 1) * positions));
			for (let h = 0; h < heads; h++) found[h]![q] = shares[pairs.at[0] * heads + h]!;
		}
		return found;
	}, [attention, forward.inputs]);
	return (
		<>
			<div class="maps">
				{maps.map((values, head) => (
					<OfHead key={head} {...{ look, state, change, pairs, head, values }} />
				))}
			</div>
			<p class="key">
				How much each head looks at a when all pairs are asked, from none to all of its attention:
				where it depends on both, heads compare them.
			</p>
		</>
	);
}

interface HeadProps {
	look: Look;
	state: State;
	change: (part: Partial<State>) => void;
	pairs: Pairs;
	head: number;
	values: Float32Array;
}

function OfHead({ head, values, ...given }: HeadProps): JSX.Element {
	const image = useCallback(
		(look: Look) => pairImage(given.pairs, (q) => shade(look.ramps["share"]!, values[q]!)),
		[given.pairs, values],
	);
	const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
	const title = `head ${head} looks at a: ${percent(mean)}`;
	const label = `Map of all ${whole(values.length)} pairs: ${title} on average.`;
	return (
		<PairMap
			name={`attention-${head}`}
			values={{ attention: values }}
			{...{ ...given, title, image, label }}
		/>
	);
}
