// What of Swift Testing the tests of the core use, for a machine without it: what `Tools/test-embedded` makes of `#expect` and the
// others calls this. Whoever stops a test traps: there is no error that could be any error.

/// A line of a test.
public struct SourceLocation: Sendable {
  var file: StaticString
  var line: Int

  /// What `#_sourceLocation` expands to.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static func __here(file: StaticString = #filePath, line: Int = #line) -> SourceLocation {
    SourceLocation(file: file, line: line)
  }
}

/// The line of whoever calls, also as the default of a parameter. The toolchain's own macro: it runs in the compiler.
@freestanding(expression)
public macro _sourceLocation() -> SourceLocation =
  #externalMacro(module: "TestingMacros", type: "SourceLocationMacro")

/// What has been counted since the start.
public enum Tally {
  nonisolated(unsafe) public internal(set) static var checks = 0
  nonisolated(unsafe) public internal(set) static var failures = 0
  /// What the test runs with, said with each failure.
  nonisolated(unsafe) public static var circumstances = ""
}

/// Tests that run over both families run twice.
public enum Repetition {
  nonisolated(unsafe) public static var isSecond = false
}

public enum Issue {
  public static func record(
    _ comment: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) {
    Tally.failures += 1
    print(
      "\(sourceLocation.file):\(sourceLocation.line): failed\(Tally.circumstances)", terminator: "")
    let comment = comment()
    print(comment.isEmpty ? "" : ": " + comment)
  }
}

// MARK: Checks

public func expect(
  _ condition: @autoclosure () -> Bool, _ comment: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  Tally.checks += 1
  if !condition() { Issue.record(comment(), sourceLocation: sourceLocation) }
}

/// Stops the test if there is nothing.
public func require<Value>(
  _ value: @autoclosure () -> Value?, _ comment: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) -> Value {
  Tally.checks += 1
  if let value = value() { return value }
  Issue.record(comment(), sourceLocation: sourceLocation)
  fatalError()
}

/// Stops the test if it does not hold.
public func require(
  _ condition: @autoclosure () -> Bool, _ comment: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  Tally.checks += 1
  if condition() { return }
  Issue.record(comment(), sourceLocation: sourceLocation)
  fatalError()
}

public func expect<Failure: Error & Equatable, Value>(
  throws expected: Failure, _ comment: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws(Failure) -> Value
) {
  Tally.checks += 1
  do throws(Failure) {
    _ = try body()
    Issue.record("nothing was thrown. " + comment(), sourceLocation: sourceLocation)
  } catch {
    if error != expected { Issue.record("\(error) was thrown. " + comment(), sourceLocation: sourceLocation) }
  }
}

public func expect<Failure: Error, Value>(
  throws _: Failure.Type, _ comment: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws(Failure) -> Value
) {
  Tally.checks += 1
  do throws(Failure) {
    _ = try body()
    Issue.record("nothing was thrown. " + comment(), sourceLocation: sourceLocation)
  } catch {}
}

/// What throws all the same, traps.
public func expect<Value>(
  throws _: Never.Type, _ comment: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () -> Value
) {
  Tally.checks += 1
  _ = body()
}

// MARK: What is there only to be named

public typealias Comment = String

/// What names an argument of a test.
public protocol CustomTestStringConvertible {
  var testDescription: String { get }
}

/// There is no environment.
public func getenv(_ name: StaticString) -> StaticString? { nil }

extension DefaultStringInterpolation {
  /// What has no description of its own: there is no reflection.
  @_disfavoredOverload
  public mutating func appendInterpolation<Value>(_ value: Value) { appendLiteral("…") }
}
