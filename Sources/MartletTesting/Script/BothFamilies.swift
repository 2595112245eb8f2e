#if hasFeature(Embedded)
  import Testing
#else
  public import Testing
#endif

extension ScenarioFamily {
  #if hasFeature(Embedded)
    /// That of scripts and pairs which name none. There are no tasks to keep it in.
    public static var standard: ScenarioFamily { Repetition.isSecond ? .ipv6 : .ipv4 }
  #else
    /// That of scripts and pairs which name none: IPv4, but within `.bothFamilies` each in its turn.
    @TaskLocal public static var standard = ScenarioFamily.ipv4
  #endif

  /// 1,500 octets, and as much more over IPv6 as its header is longer: a segment carries 1,460 octets of text over both.
  public static var standardMTU: UInt16 { standard == .ipv4 ? 1_500 : 1_520 }
}

#if !hasFeature(Embedded)
  /// Runs a test once over IPv4 and once more over IPv6.
  ///
  ///     @Test("A FIN is acknowledged", .bothFamilies)
  ///     func finish() {
  ///       let s = Scenario(.established())
  ///       …
  ///     }
  ///
  /// What names a family of its own runs over that, twice. A failure says which family it was.
  public struct BothFamilies: TestTrait, SuiteTrait, TestScoping {
    public var isRecursive: Bool { true }

    public func provideScope(
      for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
      guard testCase != nil else { return try await function() }
      for family in ScenarioFamily.allCases {
        let says = IssueHandlingTrait.compactMapIssues { issue in
          var issue = issue
          issue.comments.append(family == .ipv4 ? "over IPv4" : "over IPv6")
          return issue
        }
        try await ScenarioFamily.$standard.withValue(family) {
          try await says.provideScope(for: test, testCase: testCase, performing: function)
        }
      }
    }
  }

  extension Trait where Self == BothFamilies {
    /// The test runs over both families.
    public static var bothFamilies: BothFamilies { BothFamilies() }
  }
#endif
