declare module "*?worker" {
	const program: string;
	export default program;
}
