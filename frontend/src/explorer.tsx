// The explorer: one module, whose hosts are a page that carries its own data, and anywidget.

import { render as renderInto } from "preact";
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import {
	type Bundle,
	isMissing,
	latest,
	type Missing,
	type Kept,
	nearest,
	parseBundle,
	row,
} from "./bundle.ts";
import { stepScale } from "./axes.ts";
import { Controls } from "./controls.tsx";
import { fromBase64, type Model, pageModel } from "./host.ts";
import { type Look, Note } from "./picture.tsx";
import { formatState, parseState, START, type State } from "./state.ts";
import css from "./style.css";
import { Apart } from "./views/apart.tsx";
import { Curves } from "./views/curves.tsx";
import { Spectrum } from "./views/spectrum.tsx";
import { Waves } from "./views/waves.tsx";
import { Weights } from "./views/weights.tsx";
import { whole } from "./words.ts";

function Explorer({ model, bundle }: { model: Model; bundle: Bundle }): JSX.Element {
	const [state, change] = useModel(model, bundle);
	const look = useLook(bundle);
	const known = bundle.runs.findIndex((one) => one.run === state.run);
	const run = Math.max(0, known);
	const { kept } = bundle.runs[run]!;
	const steps = useMemo(() => shownSteps(bundle, run), [bundle, run]);
	const index = latest(steps, state.step);
	const pick = (step: number) => {
		const scale = stepScale(state.scale, steps.at(-1)!, 0, 1);
		change({ step: steps[nearest(steps, step, scale)]! });
	};
	const shared = { bundle, run, state: { ...state, step: steps[index]! }, look, pick, change };
	return (
		<>
			<h1>{bundle.title}</h1>
			<Controls {...{ bundle, run, steps, index, state, change }} />
			{known < 0 && (
				<Note>
					Run {state.run} is not in this page. This is {bundle.runs[run]!.label}.
				</Note>
			)}
			<div class="views">
				<section class="wide">
					<h2>Curves</h2>
					<Curves {...shared} />
				</section>
				<OfWeights {...shared} kept={kept} index={index} />
			</div>
		</>
	);
}

interface Shared {
	state: State;
	look: Look;
	pick: (step: number) => void;
	change: (part: Partial<State>) => void;
}

function OfWeights({
	kept,
	index,
	state,
	look,
	pick,
	change,
}: Shared & { kept: Kept | Missing; index: number }) {
	if (isMissing(kept)) {
		return (
			<section class="wide">
				<h2>Weights</h2>
				<Note>{kept.why}</Note>
			</section>
		);
	}
	const steps = kept.steps.data;
	return (
		<>
			<section class="wide">
				<h2>Weights</h2>
				<Weights {...{ kept, index, look }} />
				{steps.length < 3 && (
					<Note>
						Weights were kept at {[...steps].map(whole).join(" and ")} only. Train with{" "}
						<code>keep=fr.Schedule(per_octave=8)</code> to see them change.
					</Note>
				)}
				{kept.left_out > 0 && (
					<Note>
						{whole(kept.left_out)} steps at which weights were kept had no room in this page. Export
						fewer runs to see them.
					</Note>
				)}
			</section>
			<section class="tall">
				<h2>Waves</h2>
				<Waves {...{ kept, index, look }} />
			</section>
			<section>
				<h2>Spectrum</h2>
				<Spectrum {...{ kept, index, look, pick, scale: state.scale }} />
			</section>
			<section>
				<h2>Take it apart</h2>
				<Apart {...{ kept, index, look, state, change }} />
			</section>
		</>
	);
}

/** The steps of a run at which there is something to see: its weights, or else its records. */
function shownSteps(bundle: Bundle, run: number): number[] {
	const { kept } = bundle.runs[run]!;
	if (!isMissing(kept)) return [...kept.steps.data];
	const curves = Object.values(bundle.curves).map((curve) => row(curve, run));
	const recorded = [...bundle.steps.data].filter((_, i) =>
		curves.some((curve) => !Number.isNaN(curve[i])),
	);
	return recorded.length ? recorded : [0];
}

/** The state that the model's link describes, and a way to change a part of it. */
function useModel(model: Model, bundle: Bundle): [State, (part: Partial<State>) => void] {
	const start = { ...START, run: bundle.runs[0]!.run };
	const [text, setText] = useState(model.get("state"));
	useEffect(() => {
		const changed = () => setText(model.get("state"));
		model.on("change:state", changed);
		return () => model.off("change:state", changed);
	}, [model]);
	const state = useMemo(() => parseState(text, start), [text, bundle]);
	const change = (part: Partial<State>) => {
		model.set("state", formatState({ ...state, ...part }));
		model.save_changes();
	};
	return [state, change];
}

/** The house's colours, light or dark as the reader has it. */
function useLook(bundle: Bundle): Look {
	const query = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
	const [dark, setDark] = useState(query.matches);
	useEffect(() => {
		const changed = () => setDark(query.matches);
		query.addEventListener("change", changed);
		return () => query.removeEventListener("change", changed);
	}, [query]);
	return useMemo(() => {
		const colors = bundle.colors[Number(dark)]!;
		const names = Object.keys(colors).filter((name) => name.startsWith("frequency-"));
		const { ink, quiet, rule, train, test } = colors as Record<string, string> & Look;
		const frequencies = names.map((name) => colors[name]!);
		return { ink, quiet, rule, train, test, frequencies, ramps: bundle.ramps[Number(dark)]! };
	}, [bundle, dark]);
}

function declarations(colors: Record<string, string>): string {
	return Object.entries(colors)
		.map(([name, color]) => `--${name}:${color}`)
		.join(";");
}

/** Draws the explorer of `model` into `el`, and gives what takes it away again. */
function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
	el.classList.add("flyroom");
	const style = document.createElement("style");
	style.textContent = css;
	document.head.append(style);
	el.replaceChildren();
	try {
		const { buffer, byteOffset, byteLength } = model.get("bundle");
		const bundle = parseBundle(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
		const [light, dark] = bundle.colors.map(declarations);
		style.textContent += `.flyroom{${light}}@media (prefers-color-scheme: dark){.flyroom{${dark}}}`;
		const empty = <Note>There is no run in this page. Export a store that has some.</Note>;
		renderInto(bundle.runs.length ? <Explorer model={model} bundle={bundle} /> : empty, el);
	} catch (error) {
		renderInto(
			<p class="note" role="alert">
				{(error as Error).message}
			</p>,
			el,
		);
	}
	return () => {
		renderInto(null, el);
		style.remove();
	};
}

export default { render };

const carried = document.getElementById("flyroom-bundle");
const place = document.getElementById("flyroom");
if (carried && place)
	render({ model: pageModel(fromBase64(carried.textContent ?? "")), el: place });
