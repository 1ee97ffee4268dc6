import type { JSX } from "preact";
import type { Bundle } from "../bundle.ts";
import { type Look, Note } from "../picture.tsx";
import { countsOf, initials, type Place, placeName, type Places, placeWords } from "../places.ts";
import { SaveTable } from "../save.tsx";
import type { State } from "../state.ts";
import type { Phases } from "../sweep.ts";
import { short, whole } from "../words.ts";

const MOST = 900; // places that a table has

interface Props {
	bundle: Bundle;
	state: State;
	look: Look;
	sweep: Places;
	change: (part: Partial<State>) => void;
	choose: (cell: string) => void;
}

/** How many runs of each phase there are at every place of two axes. */
export function PhaseDiagram(props: Props): JSX.Element {
	const { bundle, state, sweep, change, look } = props;
	const phases = bundle.phases.find((rule) => rule.name === state.rule) ?? bundle.phases[0];
	if (!phases) {
		return (
			<Note>
				Phases are told by accuracies or losses, of which none was recorded. Train with{" "}
				<code>record=fr.CURVES</code>.
			</Note>
		);
	}
	if (sweep.places.length > MOST) {
		return (
			<Note>
				These axes have {whole(sweep.places.length)} places, too many for a table. Choose axes with
				fewer levels.
			</Note>
		);
	}
	const total = countsOf(
		phases,
		bundle.runs.map((_, i) => i),
	);
	const short_ = initials(phases.meanings);
	return (
		<>
			{bundle.phases.length > 1 && (
				<div class="choices">
					<div role="group" aria-label="Rule that tells phases apart">
						{bundle.phases.map(({ name }) => (
							<button
								key={name}
								type="button"
								aria-pressed={name === phases.name}
								onClick={() => change({ rule: name })}
							>
								{name}
							</button>
						))}
					</div>
				</div>
			)}
			<ul class="legend">
				{phases.meanings.map(
					(meaning, i) =>
						total[i]! > 0 && (
							<li key={meaning} style={{ "--mark": colorOf(i, look) }}>
								<b>{short_[i]}</b> {meaning} ({whole(total[i]!)})
							</li>
						),
				)}
			</ul>
			<Table {...props} phases={phases} letters={short_} />
			<p class="key">
				Phases {phases.name}: {thresholds(phases)}. A place shows how many of its runs are in which
				phase; click it to list them.
			</p>
			<SaveTable
				name="phases"
				table={() => ({
					columns: ["run", ...bundle.axes.map((axis) => axis.path), "phase"],
					rows: bundle.runs.map(({ run }, i) => [
						run,
						...bundle.axes.map((axis) => axis.levels[axis.of.data[i]!]!),
						phases.meanings[phases.of.data[i]!]!,
					]),
				})}
			/>
		</>
	);
}

/** The first phase is the unknown. */
function colorOf(phase: number, look: Look): string {
	return phase ? look.frequencies[(phase - 1) % look.frequencies.length]! : look.quiet;
}

function thresholds(phases: Phases): string {
	return Object.entries(phases.thresholds)
		.map(([name, value]) => `${name.replaceAll("_", " ")} ${short(value)}`)
		.join(", ");
}

function Table({
	sweep,
	state,
	look,
	phases,
	letters,
	choose,
}: Props & { phases: Phases; letters: string[] }) {
	const { across, along, places } = sweep;
	const columns = across.levels.length;
	const rows = Array.from({ length: places.length / columns }, (_, i) =>
		places.slice(i * columns, (i + 1) * columns),
	);
	const cell = (place: Place) => {
		const counts = countsOf(phases, place.runs);
		const present = counts.map((count, i) => ({ count, i })).filter(({ count }) => count > 0);
		return (
			<button
				type="button"
				aria-pressed={placeName(place) === state.cell}
				data-counts={counts.join(" ")}
				disabled={!place.runs.length}
				onClick={() => choose(placeName(place))}
			>
				<span class="unseen">{placeWords(sweep, place)}: </span>
				<span class="shares" aria-hidden="true">
					{present.map(({ count, i }) => (
						<span key={i} style={{ flex: count, background: colorOf(i, look) }} />
					))}
				</span>
				{present.map(({ count, i }) => (
					<span key={i}>
						{count}
						{letters[i]}
						<span class="unseen">{phases.meanings[i]!.slice(letters[i]!.length)}</span>{" "}
					</span>
				))}
				{!present.length && "–"}
			</button>
		);
	};
	return (
		<div class="scroll" role="region" aria-label="Phase diagram" tabIndex={0}>
			<table class="phases">
				<thead>
					<tr>
						<th scope="col">
							{along && `${along.name} ↑ `}
							{across.name} →
						</th>
						{across.levels.map((level) => (
							<th scope="col" key={level}>
								{level}
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{rows.map((row) => (
						<tr key={row[0]!.row}>
							<th scope="row">{along ? along.levels[row[0]!.row] : "runs"}</th>
							{row.map((place) => (
								<td key={placeName(place)}>{cell(place)}</td>
							))}
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}
