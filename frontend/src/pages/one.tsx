import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { stepScale } from "../axes.ts";
import {
	type Bundle,
	isMissing,
	type Kept,
	latest,
	type Missing,
	nearest,
	row,
	type Tensor,
} from "../bundle.ts";
import { Controls } from "../controls.tsx";
import { LATER, Note, useSeen } from "../picture.tsx";
import type { Shown } from "./shown.ts";
import { useTaken } from "../taken.ts";
import { Apart } from "../views/apart.tsx";
import { Attention } from "../views/attention.tsx";
import { Circles } from "../views/circles.tsx";
import { Curves } from "../views/curves.tsx";
import { Logits } from "../views/logits.tsx";
import { Corrupted } from "../views/corrupted.tsx";
import { Explain } from "../views/explain.tsx";
import { ParityView } from "../views/parity.tsx";
import { ProgressMeasures } from "../views/progress.tsx";
import { Spectrum } from "../views/spectrum.tsx";
import { Waves } from "../views/waves.tsx";
import { Weights } from "../views/weights.tsx";
import { type Progress, without } from "../sweep.ts";
import { whole } from "../words.ts";

/** Everything about one run, moved by one slider. */
export function OneRun({ bundle, state, look, change }: Shown): JSX.Element {
	const known = bundle.runs.findIndex((one) => one.run === state.run);
	const run = Math.max(0, known);
	const { kept, explained, progress, answers, parity } = bundle.runs[run]!;
	const steps = useMemo(() => shownSteps(bundle, run), [bundle, run]);
	const index = latest(steps, state.step);
	const pick = (step: number) => {
		const scale = stepScale(state.scale, steps.at(-1)!, 0, 1);
		change({ step: steps[nearest(steps, step, scale)]! });
	};
	const shared = { bundle, run, state: { ...state, step: steps[index]! }, look, pick, change };
	return (
		<>
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
				<OfWeights {...shared} kept={kept} progress={progress} />
				{answers && (
					<section class="wide">
						<h2>Corrupted labels</h2>
						{without(answers) ? (
							<Note>{answers.why}</Note>
						) : (
							<Corrupted {...{ answers, ...shared }} />
						)}
					</section>
				)}
				{parity && (
					<section class="wide">
						<h2>Parity</h2>
						{without(parity) ? (
							<Note>{parity.why}</Note>
						) : (
							<ParityView
								{...{ parity, kept, ...shared }}
								index={keptIndex(kept, shared.state.step)}
							/>
						)}
					</section>
				)}
				<section class="wide">
					<h2>Explain</h2>
					<Explain {...{ explained, ...shared }} />
				</section>
			</div>
		</>
	);
}

/** Which of the kept weights are shown at a step; the first where none were kept. */
function keptIndex(kept: Kept | Missing, step: number): number {
	return isMissing(kept) ? 0 : latest(kept.steps.data, step);
}

interface Shared extends Omit<Shown, "bundle"> {
	pick: (step: number) => void;
}

function OfWeights({
	kept,
	...shared
}: Shared & { kept: Kept | Missing; progress: Progress | Missing | undefined }) {
	if (!isMissing(kept)) return <OfNetwork {...shared} kept={kept} />;
	return (
		<section class="wide">
			<h2>Weights</h2>
			<Note>{kept.why}</Note>
		</section>
	);
}

function OfNetwork({
	kept,
	progress,
	state,
	look,
	pick,
	change,
}: Shared & { kept: Kept; progress: Progress | Missing | undefined }) {
	const steps = kept.steps.data;
	const index = latest(steps, state.step);
	const [apart, seesApart] = useSeen<HTMLElement>();
	const [logits, seesLogits] = useSeen<HTMLElement>();
	const [attention, seesAttention] = useSeen<HTMLElement>(kept.channels);
	const late = useLate(kept, index, seesApart || seesLogits || seesAttention);
	const taken = useTaken(kept, late, state);
	const pending = late === index ? undefined : "";
	return (
		<>
			<section class="wide">
				<h2>Weights</h2>
				<Weights {...{ kept, index, look }} />
				{steps[index] !== state.step && (
					<Note>
						These are the weights of step {whole(steps[index]!)}, the last before this one that had
						room in the page.
					</Note>
				)}
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
			<section class="wide">
				<h2>Waves</h2>
				<Waves {...{ kept, index, look }} />
			</section>
			<section>
				<h2>Spectrum</h2>
				<Spectrum {...{ kept, index, look, pick, scale: state.scale }} />
			</section>
			<section class="tall" ref={apart} data-pending={pending}>
				<h2>Take it apart</h2>
				<Apart {...{ kept, index: late, look, state, change, taken }} />
			</section>
			<section class="wide">
				<h2>Circles and stars</h2>
				<Circles {...{ kept, index, look }} />
			</section>
			<section class="wide" ref={logits} data-pending={pending}>
				<h2>Logits</h2>
				<Logits {...{ kept, look, state, change, taken }} />
			</section>
			{kept.channels && (
				<section class="wide" ref={attention} data-pending={pending}>
					<h2>Attention</h2>
					<Attention {...{ look, state, change, taken }} />
				</section>
			)}
			{progress && (
				<section class="wide">
					<h2>Progress measures</h2>
					<ProgressMeasures {...{ progress, state, look, pick }} />
				</section>
			)}
		</>
	);
}

/**
 * A snapshot that follows another one when that is painted, or a moment later if nobody sees what is
 * shown of it: that takes longer.
 */
function useLate(kept: Kept, index: number, seen: boolean): number {
	const [late, setLate] = useState({ kept, index });
	const now = late.kept === kept ? late.index : index;
	useEffect(() => {
		if (now === index) return;
		const timer = setTimeout(() => setLate({ kept, index }), seen ? 0 : LATER);
		return () => clearTimeout(timer);
	}, [kept, index, now, seen]);
	return now;
}

/** The steps of a run at which there is something to see: its weights, or else its records. */
function shownSteps(bundle: Bundle, run: number): number[] {
	const { kept, explained, progress, answers, parity } = bundle.runs[run]!;
	const told: ({ steps: Tensor } | Missing | undefined)[] = [
		kept,
		explained,
		progress,
		answers,
		parity,
	];
	const known = new Set(told.flatMap((one) => (one && "steps" in one ? [...one.steps.data] : [])));
	if (known.size) return [...known].sort((a, b) => a - b);
	const curves = Object.values(bundle.curves).map((curve) => row(curve, run));
	const recorded = [...bundle.steps.data].filter((_, i) =>
		curves.some((curve) => !Number.isNaN(curve[i])),
	);
	return recorded.length ? recorded : [0];
}
