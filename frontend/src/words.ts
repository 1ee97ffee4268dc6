// Numbers as people write them.

const WHOLE = new Intl.NumberFormat("en");

export function whole(value: number): string {
	return WHOLE.format(value);
}

/** A share; only all of it is 100%. */
export function percent(value: number): string {
	const rounded = +(100 * value).toFixed(1);
	return rounded === 100 && value < 1 ? ">99.9%" : `${rounded}%`;
}

export function short(value: number): string {
	if (value === 0) return "0";
	if (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5) return `${+value.toPrecision(3)}`;
	const [digits, exponent] = value.toExponential(2).split("e");
	return `${digits} × 10${raised(Number(exponent))}`;
}

/** A whole number as an exponent is written. */
export function raised(exponent: number): string {
	return [...`${exponent}`].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
}

export function times(count: number): string {
	return count === 1 ? "once" : count === 2 ? "twice" : `${count} times`;
}
