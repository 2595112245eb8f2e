import Testing

// What a machine calls to run the tests that the translation registered, one at a time.

struct TestFunction: Sendable {
  /// Where it stands, and what it says.
  let name: StaticString
  let run: @Sendable () -> Void
}

@_cdecl("testCount")
public func testCount() -> Int32 { Int32(tests.count) }

/// Runs one, and returns how many of its checks failed. A test that cannot go on traps.
@_cdecl("runTest")
public func runTest(_ number: Int32) -> Int32 {
  let before = Tally.failures
  tests[Int(number)].run()
  return Int32(Tally.failures - before)
}

/// Says which it is, before it runs.
@_cdecl("sayTest")
public func sayTest(_ number: Int32) { print("begins \(tests[Int(number)].name)") }

/// How many checks there were in all.
@_cdecl("checkCount")
public func checkCount() -> Int32 { Int32(Tally.checks) }
