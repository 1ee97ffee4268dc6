// Files that a page writes for its reader.

/** Offers a text for download. */
export function saveText(name: string, text: string) {
	const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
	const link = document.createElement("a");
	link.href = address;
	link.download = name;
	link.click();
	URL.revokeObjectURL(address);
}
