import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { type Bundle, type Forward, isMissing, type Kept, row } from "../bundle.ts";
import { inPlane } from "../circle.ts";
import { colorOf, keys } from "../groups.ts";
import { evaluate } from "../evaluate.ts";
import { cut, networkAt } from "../network.ts";
import { type Look, Note } from "../picture.tsx";
import type { State } from "../state.ts";
import type { View } from "../story/parts.ts";
import { percent, whole } from "../words.ts";
import { Curves } from "./curves.tsx";
import { Plane } from "./plane.tsx";
import { Spectrum } from "./spectrum.tsx";
import { Waves } from "./waves.tsx";
import { Weights } from "./weights.tsx";

interface Props {
	bundle: Bundle;
	run: number; // its place in the bundle
	index: number; // of the snapshot
	view: View;
	state: State;
	look: Look;
	pick: (step: number) => void;
	change: (part: Partial<State>) => void;
}

/** The one view that a sentence of the story is about. */
export function Figure(props: Props): JSX.Element {
	const { bundle, run, state } = props;
	const { label, kept } = bundle.runs[run]!;
	const weights = props.view !== "curves" && !isMissing(kept);
	return (
		<figure data-view={props.view}>
			<Seen {...props} />
			<figcaption class="key" aria-live="polite">
				{label}
				{weights ? ", weights of step " : " at step "}
				{whole(state.step)}.
			</figcaption>
		</figure>
	);
}

function Seen({ bundle, run, index, view, state, look, pick, change }: Props): JSX.Element {
	const { kept } = bundle.runs[run]!;
	if (view === "curves") return <Curves {...{ bundle, run, state, look, pick, change }} />;
	if (isMissing(kept)) return <Note>{kept.why}</Note>;
	if (view === "weights") return <Weights {...{ kept, index, look }} />;
	if (view === "waves") return <Waves {...{ kept, index, look }} />;
	if (view === "spectrum") {
		return <Spectrum {...{ kept, index, look, pick, scale: state.scale }} />;
	}
	if (view === "circle") return <Ring {...{ kept, index, look }} />;
	if (isMissing(kept.forward)) return <Note>{kept.forward.why}</Note>;
	return <Left {...{ index, state, look, forward: kept.forward }} />;
}

function Ring({ kept, index, look }: { kept: Kept; index: number; look: Look }): JSX.Element {
	const frequency = keys(kept)[0] ?? 1;
	const [, , tokens = 0, neurons = 0] = kept.w_in.shape;
	const places = useMemo(() => {
		return inPlane(row(kept.w_in, index), tokens, neurons, frequency);
	}, [kept, index]);
	const label = `The ${tokens} numbers where the input weights put them, in the plane of frequency ${frequency}.`;
	const color = colorOf(frequency, kept, look);
	return (
		<Plane
			name="story-circle"
			marked={[]}
			height={420}
			{...{ label, places, frequency, color, look }}
		/>
	);
}

interface LeftProps {
	index: number;
	state: State;
	look: Look;
	forward: Forward;
}

/** What the network knows as it is, and with what the sentence took from it. */
function Left({ index, state, look, forward }: LeftProps): JSX.Element {
	const { mode, frequencies, neurons } = state;
	const network = useMemo(
		() => networkAt(forward.network, forward.reading, index),
		[forward, index],
	);
	const whole = useMemo(() => evaluate(network, forward), [network]);
	const left = useMemo(
		() => evaluate(cut(network, { mode, frequencies, neurons, heads: [] }), forward),
		[network, `${mode} ${frequencies} ${neurons}`],
	);
	const some = (one: string, many: string, list: number[]) =>
		list.length ? [`${list.length > 1 ? many : one} ${list.join(", ")}`] : [];
	const parts = [
		...some("neuron", "neurons", neurons),
		...some("frequency", "frequencies", frequencies),
	];
	const named = parts.join(" and ") || "nothing";
	const rows = [
		["the whole network", whole.accuracy],
		[`${mode === "only" ? "only" : "without"} ${named}`, left.accuracy],
	] as const;
	return (
		<div class="bars">
			{rows.map(([name, share], i) => (
				<p key={i} data-left={i ? share : undefined}>
					{name} answers <strong>{percent(share)}</strong>
					<span style={{ width: `${100 * share}%`, background: look.frequencies[i]! }} />
				</p>
			))}
		</div>
	);
}
