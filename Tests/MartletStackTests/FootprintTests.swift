import MartletStack
import Testing

@Suite("What records cost")
struct FootprintTests {
  @Test("S3.5 S4.9: records are as small as they are meant to be")
  func sizes() {
    print(
      """
      octets: connection IPv4 \(Footprint.connection4) (TCB \(Footprint.tcb), engine \(Footprint.engine)), \
      IPv6 \(Footprint.connection6); half-open \(Footprint.embryo4)/\(Footprint.embryo6); \
      TIME-WAIT \(Footprint.timeWait4)/\(Footprint.timeWait6); cold \(Footprint.coldBlock); \
      listener \(Footprint.listener); UDP socket \(Footprint.datagramSocket); reply \(Footprint.reply)
      """)
    #expect(Footprint.connection4 <= 200)
    #expect(Footprint.connection6 <= 240)
    #expect(Footprint.embryo4 <= 48 && Footprint.embryo6 <= 72)
    #expect(Footprint.timeWait4 <= 48 && Footprint.timeWait6 <= 72)
  }
}
