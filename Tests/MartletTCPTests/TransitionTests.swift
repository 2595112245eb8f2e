import MartletTCP
import Testing

@Suite("States and their edges")
struct TransitionTests {
  @Test("The transition table is RFC 9293 Figure 5")
  func table() {
    var lines: [String] = []
    for state in TCPState.allCases {
      let next = TCPState.allCases.filter { state.canBecome($0) }.map { "\($0.name)" }
      lines.append("\(state.name) -> \(next.joined(separator: " "))")
    }
    #expect(
      lines == [
        "CLOSED -> LISTEN SYN-SENT",
        "LISTEN -> CLOSED SYN-SENT SYN-RECEIVED",
        "SYN-SENT -> CLOSED SYN-RECEIVED ESTABLISHED",
        "SYN-RECEIVED -> CLOSED LISTEN ESTABLISHED FIN-WAIT-1 CLOSE-WAIT",
        "ESTABLISHED -> CLOSED FIN-WAIT-1 CLOSE-WAIT",
        "FIN-WAIT-1 -> CLOSED FIN-WAIT-2 CLOSING TIME-WAIT",
        "FIN-WAIT-2 -> CLOSED TIME-WAIT",
        "CLOSE-WAIT -> CLOSED LAST-ACK",
        "CLOSING -> CLOSED TIME-WAIT",
        "LAST-ACK -> CLOSED",
        "TIME-WAIT -> CLOSED SYN-RECEIVED",
      ])
  }

  @Test("Records stay as small as they are meant to be")
  func layout() {
    print(
      "TCB \(MemoryLayout<TCB>.size) ColdBlock \(MemoryLayout<ColdBlock>.size) EmbryonicTCB \(MemoryLayout<EmbryonicTCB>.size) TimeWaitTCB \(MemoryLayout<TimeWaitTCB>.size) Segment \(MemoryLayout<MartletTCP.Segment>.size) SegmentPlan \(MemoryLayout<SegmentPlan>.size)"
    )
    #expect(MemoryLayout<TCB>.stride <= 144)
    #expect(MemoryLayout<EmbryonicTCB>.stride <= 24)
    #expect(MemoryLayout<TimeWaitTCB>.stride <= 24)
  }
}
