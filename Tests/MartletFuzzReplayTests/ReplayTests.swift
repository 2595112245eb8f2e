import Foundation
import FuzzDrivers
import Testing

/// What the fuzzers found, run as ordinary tests: the corpus, which reaches what they have ever reached,
/// and the crashers, each of which once broke something.
@Suite("P6 What the fuzzers found")
struct ReplayTests {
  @Test("Every input that ever broke a parser is read without a finding")
  func wireCrashers() throws { try replayCrashers("FuzzWire", driveWire) }

  @Test("Every script that ever broke a connection is lived through without a finding")
  func connectionCrashers() throws { try replayCrashers("FuzzConnection", driveConnection) }

  @Test("Every script that ever broke a stack is lived through without a finding")
  func stackCrashers() throws { try replayCrashers("FuzzStack", driveStack) }

  @Test("Every script that ever broke a pair is lived through without a finding")
  func pairCrashers() throws { try replayCrashers("FuzzPair", drivePair) }

  @Test("Every script that ever broke a memory budget is lived through without a finding")
  func budgetCrashers() throws { try replayCrashers("FuzzBudget", driveBudget) }

  @Test("Every script that ever broke reassembly is lived through without a finding")
  func fragmentCrashers() throws { try replayCrashers("FuzzFragments", driveFragments) }

  @Test("Every script that ever broke a host on an Ethernet is lived through without a finding")
  func linkCrashers() throws { try replayCrashers("FuzzLink", driveLink) }

  @Test("Every capture that ever broke its reader, or what is told of it, is read without a finding")
  func captureCrashers() throws { try replayCrashers("FuzzCapture", driveCapture) }

  @Test("The corpus of the parsers is read without a finding")
  func wireCorpus() throws { try replayCorpus("FuzzWire", driveWire) }

  @Test("The corpus of the connection is lived through without a finding")
  func connectionCorpus() throws { try replayCorpus("FuzzConnection", driveConnection) }

  @Test("The corpus of the stack is lived through without a finding")
  func stackCorpus() throws { try replayCorpus("FuzzStack", driveStack) }

  @Test("The corpus of the pair is lived through without a finding")
  func pairCorpus() throws { try replayCorpus("FuzzPair", drivePair) }

  @Test("The corpus of the memory budget is lived through without a finding")
  func budgetCorpus() throws { try replayCorpus("FuzzBudget", driveBudget) }

  @Test("The corpus of reassembly is lived through without a finding")
  func fragmentCorpus() throws { try replayCorpus("FuzzFragments", driveFragments) }

  @Test("The corpus of the host on an Ethernet is lived through without a finding")
  func linkCorpus() throws { try replayCorpus("FuzzLink", driveLink) }

  @Test("The corpus of captures is read without a finding")
  func captureCorpus() throws { try replayCorpus("FuzzCapture", driveCapture) }
}

typealias Driver = ([UInt8]) throws(Finding) -> Void

private let fuzz = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fuzz")

/// One file an input, named after what it broke.
private func replayCrashers(_ target: String, _ drive: Driver) throws {
  let folder = fuzz.appending(path: "Crashers/\(target)").standardized
  let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
  for file in files where !file.lastPathComponent.hasPrefix(".") {
    replay([UInt8](try Data(contentsOf: file)), file.lastPathComponent, drive)
  }
}

/// One line an input, in hexadecimal.
private func replayCorpus(_ target: String, _ drive: Driver) throws {
  let file = fuzz.appending(path: "Corpus/\(target).hex").standardized
  let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
  #expect(lines.count >= 20, "a corpus has inputs")
  for line in lines {
    let digits = line.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue.map { UInt8($0) } }
    try #require(digits.count == line.utf8.count && digits.count % 2 == 0, "not hexadecimal: \(line)")
    let octets = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    replay(octets, "the line \(line)", drive)
  }
}

private func replay(_ octets: [UInt8], _ name: String, _ drive: Driver) {
  do throws(Finding) {
    try drive(octets)
  } catch {
    Issue.record("\(name): \(error)")
  }
}
