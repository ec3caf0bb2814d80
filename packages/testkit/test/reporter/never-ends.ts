describe("a file", () => {
  it("never ends", () => new Promise(() => {})).timeout(50);
});
