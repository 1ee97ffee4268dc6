import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { type Bundle, isMissing, row, type Run, type Start } from "../bundle.ts";
import { inPlane, powers } from "../circle.ts";
import { type Look, Note } from "../picture.tsx";
import type { Point } from "../training/curve.ts";
import {
	type Field,
	FIELDS,
	formatSettings,
	type Kind,
	parseSettings,
	type Settings,
	type Setup,
	setupOf,
	STARTS,
	within,
} from "../training/settings.ts";
import { type Training, useTraining } from "../training/trainer.ts";
import { LiveBits, LiveCurve, LiveSpectrum, LiveWaves, strongest } from "../views/live.tsx";
import { Plane } from "../views/plane.tsx";
import { percent, whole } from "../words.ts";
import type { Shown } from "./shown.ts";

const PACES = [Infinity, 1000, 100, 10] as const; // steps per second

/** A network that trains in the page itself. */
export function TrainHere({ bundle, state, look, change }: Shown): JSX.Element {
	const run = bundle.runs.find((one) => one.run === state.run) ?? bundle.runs[0]!;
	const settings = settingsOf(state.training, run);
	const [pace, setPace] = useState<number>(Infinity);
	// What can change while a network trains is no part of its name.
	const name = `${run.run} ${formatSettings({ ...settings, learning_rate: 0, weight_decay: 0 })}`;
	const training = useTraining(
		name,
		() => (settings.kind === "run" ? againOf(run.start) : setupOf(settings)),
		settings,
		pace,
	);
	const known = useMemo(() => (settings.kind === "run" ? knownOf(bundle, run) : []), [name]);
	const set = (next: Settings) => change({ training: formatFor(next, run) });
	return (
		<>
			<p class="key">
				This network is trained in your browser, by this page alone. Press start; what you change of
				its learning rate and weight decay acts at once, and all else begins a new network.
			</p>
			<Choices {...{ settings, run, set }} />
			<Buttons {...{ training, pace, setPace }} />
			{settings.kind === "run" && isMissing(run.start) && (
				<Note>
					{run.label} cannot be trained again here. {run.start.why}
				</Note>
			)}
			{training.failure && <Note>{training.failure}</Note>}
			<div class="views">
				<section class="wide">
					<h2>Curves</h2>
					<div class="pair">
						{(["loss", "accuracy"] as const).map((kind) => (
							<LiveCurve
								key={kind}
								{...{ kind, known, look, scale: state.scale }}
								points={training.points}
								count={training.points.length}
							/>
						))}
					</div>
					<p class="key">
						<span class="train">training</span> and <span class="test">test</span> examples
						{known.length > 0 && "; broad and pale, what was recorded when this run was trained"}.
					</p>
				</section>
				<Inside {...{ training, look, name }} />
			</div>
		</>
	);
}

/** A run's own rules are where its settings begin. */
function settingsOf(text: string, run: Run): Settings {
	const settings = parseSettings(text);
	if (settings.kind !== "run" || isMissing(run.start)) return settings;
	const { learning_rate, weight_decay } = run.start.rules;
	return { ...settings, learning_rate, weight_decay, ...given(text) };
}

/** The numbers that a link names. */
function given(text: string): Partial<Settings> {
	const settings = parseSettings(text);
	const named = FIELDS.run.filter(({ name }) => text.includes(`${name}:`));
	return Object.fromEntries(named.map(({ name }) => [name, settings[name]]));
}

function formatFor(settings: Settings, run: Run): string {
	if (settings.kind !== "run" || isMissing(run.start)) return formatSettings(settings);
	const { rules } = run.start;
	const named = (["learning_rate", "weight_decay"] as const).filter(
		(name) => settings[name] !== rules[name],
	);
	return ["run", ...named.map((name) => `${name}:${settings[name]}`)].join(",");
}

/** What a run began with, copied, because training changes it in place. */
function againOf(start: Run["start"]): Setup | undefined {
	if (isMissing(start)) return undefined;
	const weights = Object.entries(start.weights).map(([name, one]) => [
		name,
		Float64Array.from(one.data),
	]);
	const rows = ({ rows, starts, labels }: Start["train"]) => ({
		rows: Uint16Array.from(rows.data),
		starts: Uint32Array.from(starts.data),
		labels: Uint16Array.from(labels.data),
	});
	return {
		form: start.form,
		tokens: start.tokens,
		weights: Object.fromEntries(weights),
		rules: { ...start.rules },
		train: rows(start.train),
		test: rows(start.test),
	};
}

/** What was recorded of a run when it was trained. */
function knownOf(bundle: Bundle, run: Run): Point[] {
	const at = bundle.runs.indexOf(run);
	const score = (side: string, i: number) => {
		const of = (kind: string) => {
			const curve = bundle.curves[`${side}_${kind}`];
			return curve ? row(curve, at)[i]! : NaN;
		};
		return { loss: of("loss"), accuracy: of("accuracy") };
	};
	const points = Array.from(bundle.steps.data, (step, i) => {
		return { step, train: score("train", i), test: score("test", i) };
	});
	// Of other runs there may be records at other steps.
	return points.filter(({ train, test }) =>
		[train, test].some(({ loss, accuracy }) => !Number.isNaN(loss) || !Number.isNaN(accuracy)),
	);
}

interface ChoiceProps {
	settings: Settings;
	run: Run;
	set: (settings: Settings) => void;
}

function Choices({ settings, run, set }: ChoiceProps): JSX.Element {
	const kinds: [Kind, string][] = [
		["addition", "addition modulo p"],
		["parity", "ones and zeros"],
		["run", `${run.label}, again`],
	];
	return (
		<div class="choices">
			<div role="group" aria-label="What to train">
				{kinds.map(([kind, words]) => (
					<button
						key={kind}
						type="button"
						aria-pressed={settings.kind === kind}
						onClick={() => set(kind === "run" ? settingsOf("run", run) : STARTS[kind])}
					>
						{words}
					</button>
				))}
			</div>
			<div role="group" aria-label="Settings" class="fields">
				{FIELDS[settings.kind].map((field) => (
					<Box
						key={field.name}
						{...{ field, value: settings[field.name] }}
						put={(number) => set({ ...settings, [field.name]: number })}
					/>
				))}
			</div>
			<p class="key">{ABOUT[settings.kind]}</p>
		</div>
	);
}

interface BoxProps {
	field: Field;
	value: number;
	put: (value: number) => void;
}

/** A number to be typed. What is typed stays while the page draws, and counts once it is confirmed. */
function Box({ field, value, put }: BoxProps): JSX.Element {
	const [typed, setTyped] = useState<string>();
	const confirm = (input: HTMLInputElement) => {
		const number = within(field, input.value === "" ? NaN : Number(input.value), value);
		input.value = `${number}`;
		setTyped(undefined);
		put(number);
	};
	return (
		<label>
			{field.words}
			<input
				type="number"
				min={field.low}
				max={field.high}
				step={field.step}
				value={typed ?? value}
				onInput={(event) => setTyped(event.currentTarget.value)}
				onChange={(event) => confirm(event.currentTarget)}
				onBlur={() => setTyped(undefined)}
			/>
		</label>
	);
}

const ABOUT: Record<Kind, string> = {
	addition:
		"One hidden layer of ReLU, whose two matrices share an embedding. Unordered pairs, AdamW. Modulo 67, " +
		"with an embedding of 500, a share of 0.4 and a learning rate of 0.001, it is the network of the recipe pair-mod67.",
	parity:
		"Strings of thirty bits and a constant: is the number of ones among the first three odd? One hidden layer of " +
		"ReLU without biases, AdamW. What begins a network here is drawn by this page: its seeds are not those of the library.",
	run:
		"From the weights that this run began with, on its own examples and by its own rules. Unless you change them, " +
		"the page goes the same way as the library did, until rounding tells them apart.",
};

interface ButtonProps {
	training: Training;
	pace: number;
	setPace: (pace: number) => void;
}

function Buttons({ training, pace, setPace }: ButtonProps): JSX.Element {
	const { news, points, running, run, reset } = training;
	const now = points.at(-1);
	return (
		<div class="controls">
			<button type="button" disabled={!news} onClick={() => run(!running)}>
				{running ? "pause" : "start"}
			</button>
			<button type="button" disabled={!news?.step} onClick={reset}>
				reset
			</button>
			<label>
				speed{" "}
				<select value={pace} onChange={(event) => setPace(Number(event.currentTarget.value))}>
					{PACES.map((one) => (
						<option key={one} value={one}>
							{one === Infinity ? "as fast as it goes" : `${whole(one)} steps a second`}
						</option>
					))}
				</select>
			</label>
			<output data-step={news?.step} data-rate={news?.rate} aria-live="off">
				step {whole(news?.step ?? 0)}
				{running && news ? ` · ${whole(Math.round(news.rate))} a second` : ""}
				{now &&
					` · ${percent(now.train.accuracy)} of training, ${percent(now.test.accuracy)} of test examples`}
			</output>
		</div>
	);
}

function Inside({ training, look, name }: { training: Training; look: Look; name: string }) {
	const { news, setup } = training;
	if (!news || !setup) return null;
	const { inputs, neurons } = setup.form;
	const { tokens } = setup;
	const { table } = news;
	if (tokens)
		return <OfTokens {...{ table, tokens, neurons, look, name, running: training.running }} />;
	return (
		<section class="wide">
			<h2>Bits</h2>
			<LiveBits {...{ table, inputs, neurons, look }} />
			<p class="key">
				Above, how strongly all neurons together listen to each input: the first three bits decide,
				the others distract. Below, every weight, one neuron in each row.
			</p>
		</section>
	);
}

interface TokenProps {
	table: Float32Array;
	tokens: number;
	neurons: number;
	running: boolean;
	look: Look;
	name: string;
}

function OfTokens({ table, tokens, neurons, running, look, name }: TokenProps): JSX.Element {
	const power = useMemo(() => powers(table, tokens, neurons), [table]);
	const order = useOrder(power, neurons, running, name);
	const sums = power.map((row) => row.reduce((sum, one) => sum + one, 0));
	const ranked = sums.map((_, i) => i + 1).sort((k, l) => sums[l - 1]! - sums[k - 1]!);
	const color = useColors(ranked, look);
	const k = ranked[0]!;
	const places = useMemo(() => inPlane(table, tokens, neurons, k), [table, k]);
	return (
		<>
			<section class="tall">
				<h2>Waves</h2>
				<LiveWaves {...{ table, tokens, neurons, power, order, color, look }} />
				<p class="key">
					The input weights of each neuron, and on the right the frequency that is strongest in it:
					the more of its power that holds, the more colour it has. Neurons are sorted by it
					whenever the training pauses.
				</p>
			</section>
			<section>
				<h2>Spectrum</h2>
				<LiveSpectrum {...{ power, color, look }} />
			</section>
			<section>
				<h2>Circle of frequency {k}</h2>
				<Plane
					name="live-circle"
					label={`The ${tokens} tokens in the plane of frequency ${k}, the strongest now.`}
					frequency={k}
					marked={[]}
					color={color(k)}
					{...{ places, look }}
				/>
				<p class="key">
					Each token where the neurons’ weights put it, in the plane of the strongest frequency. A
					line joins each to the next.
				</p>
			</section>
		</>
	);
}

/** Neurons by strongest frequency, as it was when the training last paused. */
function useOrder(
	power: Float64Array[],
	neurons: number,
	running: boolean,
	name: string,
): number[] {
	const kept = useRef<{ name: string; order: number[] }>(undefined);
	if (!running || kept.current?.name !== name) {
		const order = Array.from({ length: neurons }, (_, n) => n);
		const first = order.map((n) => strongest(power, n));
		order.sort((m, n) => first[m]!.k - first[n]!.k || first[n]!.share - first[m]!.share);
		kept.current = { name, order };
	}
	return kept.current.order;
}

/** A colour for each of the strongest frequencies, which it keeps for as long as it is one of them. */
function useColors(ranked: number[], look: Look): (frequency: number) => string {
	const slots = useRef<number[]>([]);
	const top = ranked.slice(0, look.frequencies.length);
	const free = top.filter((k) => !slots.current.includes(k));
	slots.current = top.map((_, i) => {
		const kept = slots.current[i];
		return kept !== undefined && top.includes(kept) ? kept : free.shift()!;
	});
	const now = slots.current;
	return (k) => look.frequencies[now.indexOf(k)] ?? look.quiet;
}
