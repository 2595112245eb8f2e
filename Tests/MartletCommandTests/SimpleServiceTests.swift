import MartletCommand
import Testing

@Suite struct SimpleServiceTests {
  @Test("echo sends back what came, in any pieces, and closes when the peer has", arguments: [1, 3, 1000])
  func echo(size: Int) {
    let echo = EchoConversation()
    let text = (0..<500).map { "line \($0)\n" }.joined()
    #expect(echo.exchange(text, size: size) == text)
    #expect(echo.outlook == .open)
    echo.peerFinished()
    #expect(echo.outlook == .close)
  }

  @Test("echo holds a bounded amount of what is not taken from it")
  func echoIsBounded() {
    let echo = EchoConversation()
    let chunk = [UInt8](repeating: 1, count: 1000)
    var held = 0
    while echo.appetite >= chunk.count {
      chunk.withUnsafeBytes { echo.take($0.bytes) }
      held += chunk.count
    }
    #expect(held <= 64 << 10)
    #expect(echo.appetite < chunk.count)
    #expect(echo.drain().count == held)
    #expect(echo.appetite >= chunk.count)
  }

  @Test("chargen with a limit sends exactly that, whatever the pieces, and closes", arguments: [1, 7, 4096])
  func chargen(size: Int) {
    let whole = ChargenConversation(limit: 1000).drain()
    let chargen = ChargenConversation(limit: 1000)
    chargen.peerFinished()
    #expect(chargen.drain(size: size) == whole)
    #expect(whole.count == 1000)
    #expect(whole.prefix(74) == Array((32..<104).map { UInt8($0) } + [13, 10])[...])
    #expect(whole[74] == 33)
    #expect(chargen.outlook == .close)
  }

  @Test("chargen without a limit goes on until the peer closes")
  func endlessChargen() {
    let chargen = ChargenConversation()
    #expect(chargen.drain(limit: 100_000).count >= 100_000)
    #expect(chargen.outlook == .open)
    chargen.peerFinished()
    #expect(chargen.drain().isEmpty)
    #expect(chargen.outlook == .close)
  }

  @Test("hold has no appetite and no wish; discard has endless appetite; bye closes first; reset aborts")
  func outlooks() {
    let hold = HoldConversation()
    hold.peerFinished()
    #expect(hold.appetite == 0 && hold.outlook == .open)
    let discard = DiscardConversation()
    #expect(discard.appetite == .max && discard.outlook == .open)
    discard.peerFinished()
    #expect(discard.outlook == .close)
    let bye = ByeConversation()
    #expect(bye.drain() == Array("Bye.\r\n".utf8))
    #expect(bye.outlook == .finish)
    #expect(ResetConversation().outlook == .abort)
  }
}
