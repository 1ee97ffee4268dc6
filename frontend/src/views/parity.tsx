import type { JSX } from "preact";
import { useCallback, useMemo } from "preact/hooks";
import { scaleLinear } from "d3-scale";
import { drawX, drawY, heading, line, type Scale } from "../axes.ts";
import {
	isMissing,
	type Kept,
	largest,
	latest,
	type Missing,
	row,
	type Tensor,
} from "../bundle.ts";
import { type Frame, type Look, Picture } from "../picture.tsx";
import type { State } from "../state.ts";
import type { Parity } from "../sweep.ts";
import { percent, short, whole } from "../words.ts";
import { Lines, type Series } from "./lines.tsx";

const HEIGHT = 240;

interface Props {
	parity: Parity;
	kept: Kept | Missing;
	index: number; // of the kept weights that are shown
	state: State;
	look: Look;
	pick: (step: number) => void;
	change: (part: Partial<State>) => void;
}

/** Which bits a network reads, how its weights are spread, and where hidden units put strings. */
export function ParityView(props: Props): JSX.Element {
	const { parity, kept, index, state, look, pick } = props;
	const at = latest(parity.steps.data, state.step);
	const shared = { steps: parity.steps.data, step: state.step, scale: state.scale, look, pick };
	const mass = useMemo(() => massSeries(parity, look), [parity, look]);
	const norm = useMemo(
		() => [{ name: "norm", color: look.ink, values: parity.spectral_norm.data }],
		[parity, look],
	);
	return (
		<>
			<div class="pair">
				{!isMissing(kept) && <Bits {...{ parity, kept, index, look }} />}
				<Lines
					name="mass"
					title="absolute weights by bit"
					kind="linear"
					series={mass}
					{...shared}
					height={HEIGHT}
				/>
				<Layout {...props} at={at} />
				<Density {...{ parity, at, look }} />
				<Lines
					name="spectral-norm"
					title="spectral norm"
					kind="linear"
					series={norm}
					{...shared}
					height={HEIGHT}
				/>
			</div>
			<p class="key">
				The bits {parity.relevant.join(", ")} decide the parity and are coloured; the others
				distract. The spectral norm is the largest singular value of the matrix into the neurons.
				Hidden units are those of {whole(parity.labels.data.length)} strings.
			</p>
		</>
	);
}

/** The summed weights from each bit: of those that matter, and thin of the others. */
function massSeries(parity: Parity, look: Look): Series[] {
	const [snapshots = 0, inputs = 0] = parity.mass.shape;
	return Array.from({ length: inputs }, (_, bit) => {
		const place = parity.relevant.indexOf(bit);
		return {
			name: `bit ${bit}`,
			color: place < 0 ? look.quiet : look.frequencies[place % look.frequencies.length]!,
			values: Array.from({ length: snapshots }, (_, s) => parity.mass.data[s * inputs + bit]!),
			thin: place < 0,
		};
	}).sort((one, other) => Number(other.thin) - Number(one.thin));
}

/** The weight from each bit into each neuron, a stroke each. */
function Bits({
	parity,
	kept,
	index,
	look,
}: {
	parity: Parity;
	kept: Kept;
	index: number;
	look: Look;
}) {
	const [, , inputs = 0, neurons = 0] = kept.w_in.shape;
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: height - 38 };
			const weights = row(kept.w_in, index);
			const limit = largest(weights);
			const y = scaleLinear().domain([-limit, limit]).range([box.bottom, box.top]);
			const wide = (box.right - box.left) / inputs;
			const x: Scale = (bit) => box.left + (bit + 0.5) * wide;
			drawY(
				frame,
				box,
				y,
				y.ticks(5).map((at) => ({ at, words: short(at) })),
				"weights from each bit",
			);
			for (let bit = 0; bit < inputs; bit++) {
				const place = parity.relevant.indexOf(bit);
				context.fillStyle =
					place < 0 ? look.quiet : look.frequencies[place % look.frequencies.length]!;
				context.globalAlpha = place < 0 ? 0.5 : 0.9;
				const high = place < 0 ? 1.2 : 2.5;
				for (let n = 0; n < neurons; n++) {
					context.fillRect(
						x(bit) - 0.4 * wide,
						y(weights[bit * neurons + n]!) - high / 2,
						0.8 * wide,
						high,
					);
				}
			}
			context.globalAlpha = 1;
			const every = Math.max(1, Math.ceil(inputs / ((box.right - box.left) / 26)));
			const named = Array.from({ length: inputs }, (_, i) => i).filter((bit) => bit % every === 0);
			drawX(
				frame,
				box,
				x,
				named.map((at) => ({ at, words: `${at}` })),
				"bit",
			);
		},
		[parity, kept, index],
	);
	const weights = row(kept.w_in, index);
	const most = (bits: number[]) =>
		largest(bits.flatMap((bit) => [...weights.subarray(bit * neurons, (bit + 1) * neurons)]));
	const others = Array.from({ length: inputs }, (_, i) => i).filter(
		(bit) => !parity.relevant.includes(bit),
	);
	const label =
		`Weights from ${inputs} bits into ${neurons} neurons at step ${whole(kept.steps.data[index]!)}: ` +
		`the largest of the relevant bits is ${short(most(parity.relevant))}, of the others ${short(most(others))}.`;
	const table = () => ({
		columns: ["bit", "neuron", "weight"],
		rows: Array.from(weights, (weight, i) => [Math.floor(i / neurons), i % neurons, weight]),
	});
	return <Picture name="bits" {...{ label, height: HEIGHT, look, draw, table }} />;
}

/** Strings in the plane, by their principal components or by t-SNE. */
function Layout({ parity, at, state, look, change }: Props & { at: number }) {
	const neighbours = state.layout === "t-sne";
	const steps = (neighbours ? parity.t_sne_steps : parity.steps).data;
	const index = neighbours ? latest(steps, state.step) : at;
	const places = row(neighbours ? parity.t_sne : parity.score, index);
	const draw = useCallback(
		(frame: Frame) => {
			const { context, width, height } = frame;
			const box = { left: 6, right: width - 6, top: 24, bottom: height - 8 };
			const along = (axis: number) => {
				const values = places.filter((_, i) => i % 2 === axis);
				const [low, high] = [Math.min(...values), Math.max(...values)];
				return scaleLinear().domain([low, high === low ? low + 1 : high]);
			};
			const [x, y] = [along(0), along(1)];
			x.range([box.left + 5, box.right - 5]);
			y.range([box.bottom - 5, box.top + 5]);
			parity.labels.data.forEach((label, i) => {
				const [left, top] = [x(places[2 * i]!), y(places[2 * i + 1]!)];
				context.strokeStyle = context.fillStyle = look.frequencies[label ? 1 : 0]!;
				shape(context, left, top, label === 1);
				if (parity.trained.data[i]) context.fill();
				context.lineWidth = 1.2;
				context.stroke();
			});
			heading(frame, box.left, box.top - 5, `hidden units at step ${whole(steps[index]!)}`);
		},
		[parity, index, neighbours, look],
	);
	const share = row(parity.share, at);
	const label =
		`Hidden units of ${parity.labels.data.length} strings at step ${whole(steps[index]!)} ` +
		(neighbours
			? "by t-SNE."
			: `by principal components, which hold ${percent(share[0]!)} and ${percent(share[1]!)} of the variance.`);
	const table = () => ({
		columns: ["string", "label", "trained", "x", "y"],
		rows: Array.from(parity.labels.data, (one, i) => [
			i,
			one,
			parity.trained.data[i]!,
			places[2 * i]!,
			places[2 * i + 1]!,
		]),
	});
	return (
		<div>
			<Picture name="layout" {...{ label, height: HEIGHT, look, draw, table }} />
			<div class="choices">
				<div role="group" aria-label="Layout of hidden units">
					{(["pca", "t-sne"] as const).map((layout) => (
						<button
							type="button"
							key={layout}
							aria-pressed={layout === state.layout}
							onClick={() => change({ layout })}
						>
							{layout === "pca" ? "principal components" : "t-SNE"}
						</button>
					))}
				</div>
			</div>
			<p class="key">
				○ label 0, △ label 1; filled: trained on.
				{neighbours && ` Laid out at steps ${[...steps].map(whole).join(", ")}.`}
			</p>
		</div>
	);
}

function shape(context: CanvasRenderingContext2D, x: number, y: number, triangle: boolean) {
	context.beginPath();
	if (triangle) {
		for (const [dx, dy] of [
			[0, -4],
			[4, 3],
			[-4, 3],
		] as const)
			context.lineTo(x + dx, y + dy);
		context.closePath();
	} else context.arc(x, y, 3.2, 0, 2 * Math.PI);
}

/** How densely all weights lie, at this step and at the first. */
function Density({ parity, at, look }: { parity: Parity; at: number; look: Look }) {
	const draw = useCallback(
		(frame: Frame) => {
			const { width, height } = frame;
			const box = { left: 48, right: width - 8, top: 24, bottom: height - 38 };
			const limit = Math.max(largest(row(parity.weight, at)), largest(row(parity.weight, 0)));
			const top = Math.max(largest(row(parity.density, at)), largest(row(parity.density, 0)));
			const x = scaleLinear().domain([-limit, limit]).range([box.left, box.right]);
			const y = scaleLinear().domain([0, top]).nice().range([box.bottom, box.top]);
			drawY(
				frame,
				box,
				y,
				y.ticks(3).map((one) => ({ at: one, words: short(one) })),
				"density of all weights",
			);
			drawX(
				frame,
				box,
				x,
				x.ticks(4).map((one) => ({ at: one, words: short(one) })),
				"weight",
			);
			trace(frame.context, parity.weight, parity.density, 0, x, y, look.quiet, 1);
			trace(frame.context, parity.weight, parity.density, at, x, y, look.ink, 2);
			line(frame.context, x(0), box.bottom, x(0), box.bottom - 4);
		},
		[parity, at, look],
	);
	const step = whole(parity.steps.data[at]!);
	const label = `Density of all weights at step ${step}, at most ${short(largest(row(parity.density, at)))}; at the first step at most ${short(largest(row(parity.density, 0)))}.`;
	const table = () => ({
		columns: ["step", "weight", "density"],
		rows: [0, at].flatMap((when) =>
			Array.from(row(parity.weight, when), (weight, i) => [
				parity.steps.data[when]!,
				weight,
				row(parity.density, when)[i]!,
			]),
		),
	});
	return <Picture name="density" {...{ label, height: HEIGHT, look, draw, table }} />;
}

function trace(
	context: CanvasRenderingContext2D,
	weight: Tensor,
	density: Tensor,
	index: number,
	x: Scale,
	y: Scale,
	color: string,
	width: number,
) {
	const [places, values] = [row(weight, index), row(density, index)];
	context.strokeStyle = color;
	context.lineWidth = width;
	context.beginPath();
	places.forEach((place, i) => context.lineTo(x(place), y(values[i]!)));
	context.stroke();
}
