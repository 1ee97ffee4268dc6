import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { latest, type Missing } from "../bundle.ts";
import { type Look, Note } from "../picture.tsx";
import { SaveTable } from "../save.tsx";
import type { State } from "../state.ts";
import { type Explained, type Explanation, type Tried, without } from "../sweep.ts";
import { percent, whole } from "../words.ts";
import { Lines } from "./lines.tsx";

const NUMBERS = ["sufficient", "necessary", "predictive"] as const;
const MEANING = {
	sufficient: "of its right answers it keeps with these parts alone",
	necessary: "of what it has above chance it loses without them",
	predictive: "of the variance of its logits the formula explains",
};
const SHOWN = 12; // circles; what explains nothing has many

interface Props {
	explained: Explained | Missing;
	state: State;
	look: Look;
	pick: (step: number) => void;
}

/** With which algorithm the network computes at this step, and what proves it. */
export function Explain({ explained, state, look, pick }: Props): JSX.Element {
	if (without(explained)) return <Note>{explained.why}</Note>;
	const steps = explained.steps.data;
	const index = latest(steps, state.step);
	const found = explained.of[index]!;
	return (
		<>
			<p class="verdict" aria-live="polite" data-mechanism={found.mechanism}>
				<b>{found.holds ? `${found.mechanism} of ${found.parts}` : found.mechanism}</b> at step{" "}
				{whole(steps[index]!)}
			</p>
			<div class="pair">
				<div>
					<Numbers found={found} look={look} />
					<p class="key">{found.verdict}</p>
				</div>
				<Through {...{ explained, state, look, pick }} />
			</div>
			<History explained={explained} pick={pick} index={index} />
			<Evidence found={found} />
			<p class="key">
				Explained were the networks of {steps.length} steps, of which this is the last that is not
				after step {whole(state.step)}. Coefficients are fitted to the network’s own logits, and
				nothing is fitted again.
			</p>
			<SaveTable
				name="explanations"
				table={() => ({
					columns: ["step", "mechanism", "parts", "accuracy", ...NUMBERS],
					rows: explained.of.map((one, i) => [
						steps[i]!,
						one.mechanism,
						one.parts,
						one.accuracy,
						...NUMBERS.map((name) => one[name]),
					]),
				})}
			/>
		</>
	);
}

function Numbers({ found, look }: { found: Explanation; look: Look }) {
	return (
		<table class="numbers">
			<tbody>
				{NUMBERS.map((name, i) => (
					<tr key={name} data-number={name} data-value={found[name]}>
						<th scope="row">
							<b>{name}</b>
							<br />
							<small>{MEANING[name]}</small>
						</th>
						<td>{percent(found[name])}</td>
						<td class="meter" aria-hidden="true">
							<span
								style={{
									width: `${100 * Math.max(0, found[name])}%`,
									background: look.frequencies[i],
								}}
							/>
						</td>
					</tr>
				))}
				<tr>
					<th scope="row">
						accuracy
						<br />
						<small>of the whole network; chance is {percent(found.chance)}</small>
					</th>
					<td>{percent(found.accuracy)}</td>
					<td class="meter" aria-hidden="true">
						<span style={{ width: `${100 * found.accuracy}%`, background: look.quiet }} />
					</td>
				</tr>
			</tbody>
		</table>
	);
}

function Through({ explained, state, look, pick }: Props & { explained: Explained }) {
	const series = useMemo(
		() => [
			{ name: "accuracy", color: look.quiet, values: explained.of.map((one) => one.accuracy) },
			...NUMBERS.map((name, i) => ({
				name,
				color: look.frequencies[i]!,
				values: explained.of.map((one) => one[name]),
			})),
		],
		[explained, look],
	);
	const steps = explained.steps.data;
	return (
		<Lines
			name="explained"
			title="through training"
			kind="share"
			{...{ series, steps, step: state.step, scale: state.scale, look, pick }}
			height={230}
		/>
	);
}

/** From which step to which one it was explained how, as buttons that lead there. */
function History({
	explained,
	pick,
	index,
}: {
	explained: Explained;
	pick: Props["pick"];
	index: number;
}) {
	const spans: { mechanism: string; from: number; to: number }[] = [];
	explained.of.forEach(({ mechanism }, i) => {
		const before = spans.at(-1);
		if (before?.mechanism === mechanism) before.to = i;
		else spans.push({ mechanism, from: i, to: i });
	});
	const steps = explained.steps.data;
	return (
		<div class="choices">
			<div role="group" aria-label="How it was explained through training">
				{spans.map(({ mechanism, from, to }) => (
					<button
						key={from}
						type="button"
						aria-pressed={from <= index && index <= to}
						onClick={() => pick(steps[from]!)}
					>
						{whole(steps[from]!)}
						{to > from && `–${whole(steps[to]!)}`}: {mechanism}
					</button>
				))}
			</div>
		</div>
	);
}

/** What else was tried, and the circles of addition. */
function Evidence({ found }: { found: Explanation }) {
	const tried: Tried[] = [found, ...found.others];
	return (
		<div class="pair">
			<div class="scroll" role="region" aria-label="What was tried" tabIndex={0}>
				<table>
					<thead>
						<tr>
							<th scope="col">tried</th>
							{NUMBERS.map((name) => (
								<th scope="col" key={name}>
									{name}
								</th>
							))}
						</tr>
					</thead>
					<tbody>
						{tried.map((one) => (
							<tr key={one.kind + one.parts}>
								<th scope="row">
									{one.kind}
									<br />
									<small>{one.parts}</small>
								</th>
								{NUMBERS.map((name) => (
									<td key={name}>{percent(one[name])}</td>
								))}
							</tr>
						))}
					</tbody>
				</table>
			</div>
			{found.circles.length > 0 && (
				<div class="scroll" role="region" aria-label="Circles" tabIndex={0}>
					<table>
						<thead>
							<tr>
								<th scope="col">frequency</th>
								<th scope="col">of the logits</th>
								<th scope="col">as a clock</th>
								<th scope="col">as a pizza</th>
							</tr>
						</thead>
						<tbody>
							{found.circles.slice(0, SHOWN).map((one) => (
								<tr key={one.frequency}>
									<th scope="row">
										{one.frequency}
										{one.accompanying > 0 && <small> with {one.accompanying}</small>}
									</th>
									<td>{percent(one.share)}</td>
									<td>{one.clock === undefined ? "–" : percent(one.clock)}</td>
									<td>{one.pizza === undefined ? "–" : percent(one.pizza)}</td>
								</tr>
							))}
						</tbody>
					</table>
				</div>
			)}
		</div>
	);
}
