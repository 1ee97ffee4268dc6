import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Bundle } from "../bundle.ts";
import { type Look, Note } from "../picture.tsx";
import { type Place, type Places, placeWords } from "../places.ts";
import { SaveTable } from "../save.tsx";
import type { State } from "../state.ts";
import { type Profile, without } from "../sweep.ts";
import { percent, whole } from "../words.ts";

const SHOWN = 48; // cards at once
const [WIDE, HIGH] = [150, 44]; // pixels of a card's bars

interface Props {
	bundle: Bundle;
	state: State;
	look: Look;
	change: (part: Partial<State>) => void;
	sweep: Places | undefined;
	chosen: Place | undefined;
}

/** A card for each run, or for each at the chosen place: its frequencies, and when it got there. */
export function Gallery({ bundle, state, look, change, sweep, chosen }: Props): JSX.Element {
	const runs = chosen ? chosen.runs : bundle.runs.map((_, i) => i);
	const from = state.from < runs.length ? state.from : 0;
	const shown = runs.slice(from, from + SHOWN);
	const open = (run: number) => change({ page: "run", run: bundle.runs[run]!.run });
	return (
		<>
			<p class="key">
				{chosen && sweep ? (
					<>
						{whole(runs.length)} runs with {placeWords(sweep, chosen)}.{" "}
						<button type="button" onClick={() => change({ cell: "", from: 0 })}>
							show all runs
						</button>
					</>
				) : (
					`All ${whole(runs.length)} runs.`
				)}{" "}
				Click a run to open it. Bars are shares of what the neurons of its last network read.
			</p>
			{shown.length === 0 && <Note>There is no run at this place. Choose another one.</Note>}
			<ul class="gallery">
				{shown.map((run) => (
					<li key={run}>
						<Card {...{ bundle, run, look, open }} />
					</li>
				))}
			</ul>
			{runs.length > SHOWN && (
				<nav aria-label="Parts of the list">
					<button
						type="button"
						disabled={from === 0}
						onClick={() => change({ from: Math.max(0, from - SHOWN) })}
					>
						◄ before
					</button>
					<span class="key">
						{whole(from + 1)} to {whole(from + shown.length)} of {whole(runs.length)}
					</span>
					<button
						type="button"
						disabled={from + SHOWN >= runs.length}
						onClick={() => change({ from: from + SHOWN })}
					>
						after ►
					</button>
				</nav>
			)}
			<SaveTable
				name="runs"
				table={() => ({
					columns: ["run", "label", "memorised", "generalised", "marked"],
					rows: runs.map((run) => [
						bundle.runs[run]!.run,
						bundle.runs[run]!.label,
						bundle.times.memorization?.told[run] ?? "",
						bundle.times.generalization?.told[run] ?? "",
						heard(bundle.runs[run]!.profile),
					]),
				})}
			/>
		</>
	);
}

interface CardProps {
	bundle: Bundle;
	run: number;
	look: Look;
	open: (run: number) => void;
}

function Card({ bundle, run, look, open }: CardProps): JSX.Element {
	const { label, profile, run: number } = bundle.runs[run]!;
	const told = bundle.times.generalization?.told[run];
	return (
		<button type="button" data-run={number} onClick={() => open(run)}>
			<b>{label}</b>
			{!without(profile) && <Bars profile={profile} look={look} />}
			<span>{heard(profile)}</span>
			{told && <span>generalised: {told}</span>}
		</button>
	);
}

/** What a run's last network reads, in words. */
function heard(profile: CardProps["bundle"]["runs"][number]["profile"]): string {
	if (without(profile)) return profile.why;
	if (profile.kind === "input") {
		if (!profile.marked.length) return `${profile.shares.data.length} inputs`;
		const share = profile.marked.reduce((sum, bit) => sum + profile.shares.data[bit]!, 0);
		return `${percent(share)} of its weights on the relevant bits`;
	}
	if (!profile.marked.length) return "no key frequency";
	const keys = profile.marked.map((k, i) => `${k} (${profile.neurons[i]})`);
	return `frequencies ${keys.join(", ")}`;
}

function Bars({ profile, look }: { profile: Profile; look: Look }): JSX.Element {
	const canvas = useRef<HTMLCanvasElement>(null);
	useLayoutEffect(() => {
		const element = canvas.current!;
		const ratio = window.devicePixelRatio || 1;
		element.width = WIDE * ratio;
		element.height = HIGH * ratio;
		const context = element.getContext("2d")!;
		context.scale(ratio, ratio);
		const shares = profile.shares.data;
		const top = Math.max(...shares, Number.MIN_VALUE);
		const first = profile.kind === "frequency" ? 1 : 0;
		shares.forEach((share, i) => {
			const place = profile.marked.indexOf(i + first);
			context.fillStyle =
				place < 0 ? look.quiet : look.frequencies[place % look.frequencies.length]!;
			const high = Math.max(0.5, (share / top) * (HIGH - 2));
			context.fillRect((i / shares.length) * WIDE, HIGH - high, 0.8 * (WIDE / shares.length), high);
		});
	}, [profile, look]);
	return <canvas ref={canvas} aria-hidden="true" />;
}
