// What stands below a field of the form.

/** The first sentence about a field, whose rest is in its tooltip, and its bounds unless that says them. */
export function hint(words: string, bounds: string): string {
	const [first = ""] = words.split(/[.;](?: |$)/);
	const said = !bounds || first.includes(bounds);
	return [first, said ? "" : `(${bounds})`].filter(Boolean).join(" ");
}
