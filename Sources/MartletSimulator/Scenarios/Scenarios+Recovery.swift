import MartletStack
import MartletTCP
import MartletTrace

extension TextbookScenario {
  /// How text arrives though segments do not.
  static var recovery: [TextbookScenario] {
    [fastRetransmit, selective, tailLoss, timeout, reordering, zeroWindow]
  }

  /// A client that sends so much and closes, and a server that reads it.
  private static func transfer(
    _ count: UInt32, _ name: String, title: LocalizedText, question: LocalizedText, answer: LocalizedText
  ) -> TextbookScenario {
    TextbookScenario(
      name, title: title, question: question, answer: answer,
      client: [.connect, .awaitConnected, .wait(.milliseconds(50)), .send(count), .close],
      server: [.listen, .accept, .receiveEnd, .close])
  }

  private static var fastRetransmit: TextbookScenario {
    var scenario = transfer(
      11_680, "fast-retransmit", title: LocalizedText("fast retransmit", "快速重传"),
      question: LocalizedText("How does a sender learn of a loss before its timer does?", "发送方如何在定时器之前得知丢失？"),
      answer: LocalizedText(
        "Each segment behind the hole makes the receiver repeat its acknowledgment. Three repetitions are taken as a loss, and the missing segment is sent again at once.",
        "空洞之后的每个报文段都会使接收方重复同一个确认。三次重复即视为丢失，缺失的报文段立即重传。"))
    scenario.clientConfiguration.tcp.sack = false
    scenario.serverConfiguration.tcp.sack = false
    scenario.faults = [.drop(5)]
    return scenario
  }

  private static var selective: TextbookScenario {
    var scenario = transfer(
      14_600, "sack", title: LocalizedText("selective acknowledgment", "选择确认"),
      question: LocalizedText("And if two segments are lost?", "如果丢失两个报文段呢？"),
      answer: LocalizedText(
        "SACK blocks tell what has arrived behind the holes. What was sent well before something that arrived is lost (RACK), so both holes are filled within one round trip.",
        "SACK 块说明空洞之后哪些数据已到达。比已到达数据早发出足够久的数据即为丢失（RACK），因此两个空洞在一个往返时间内就能补上。"))
    scenario.faults = [.drop(5), .drop(7)]
    return scenario
  }

  private static var tailLoss: TextbookScenario {
    var scenario = transfer(
      4_380, "tail-loss", title: LocalizedText("a tail is lost: RACK-TLP", "尾部丢失：RACK-TLP"),
      question: LocalizedText(
        "What if the last segment is lost, and nothing follows it?", "如果丢失的是最后一个报文段，后面再没有数据呢？"),
      answer: LocalizedText(
        "Then no acknowledgment tells. After two round trips one segment is sent as a probe, and its acknowledgment shows what is missing: long before the retransmission time-out.",
        "这时没有任何确认能说明情况。两个往返时间之后，发送一个探测报文段，它的确认会显示缺了什么：远早于重传超时。"))
    scenario.faults = [.drop(6), .drop(7)]
    return scenario
  }

  private static var timeout: TextbookScenario {
    var scenario = transfer(
      100, "retransmission-timeout", title: LocalizedText("retransmission time-out", "重传超时"),
      question: LocalizedText("What if the probe is lost, too?", "如果探测报文段也丢失了呢？"),
      answer: LocalizedText(
        "Then the retransmission timer decides. It doubles with each try, and the congestion window falls to one segment: nothing is known of the path any more.",
        "这时由重传定时器决定。它随每次重试加倍，拥塞窗口降为一个报文段：对路径的状况已一无所知。"))
    scenario.client = [
      .connect, .awaitConnected, .wait(.milliseconds(50)), .send(100), .wait(.seconds(3)), .close,
    ]
    scenario.faults = [.drop(4), .drop(5), .drop(6)]
    return scenario
  }

  private static var reordering: TextbookScenario {
    var scenario = transfer(
      11_680, "reordering", title: LocalizedText("a segment is overtaken", "报文段被超越"),
      question: LocalizedText("How does a sender tell a late segment from a lost one?", "发送方如何区分迟到与丢失？"),
      answer: LocalizedText(
        "By patience: a quarter of a round trip passes before what was overtaken counts as lost. It comes within that, so nothing is sent again, and the sender has learned that this path reorders.",
        "靠耐心：被超越的数据要等四分之一个往返时间才算丢失。它在此之内到达，因此无须重传，发送方也由此得知这条路径会乱序。"))
    scenario.faults = [.delay(5, .microseconds(2_500))]
    return scenario
  }

  private static var zeroWindow: TextbookScenario {
    var scenario = TextbookScenario(
      "zero-window", title: LocalizedText("zero window", "零窗口"),
      question: LocalizedText("What if the reader is slower than the sender?", "如果读取方比发送方慢会怎样？"),
      answer: LocalizedText(
        "The window shrinks with the room that is left, down to nothing. The sender waits and asks now and then with a probe, since the segment that opens the window may be lost.",
        "窗口随剩余空间缩小，直至为零。发送方等待，并不时用探测询问，因为打开窗口的报文段可能丢失。"),
      client: [.connect, .awaitConnected, .wait(.milliseconds(50)), .send(8_000), .close],
      server: [.listen, .accept, .wait(.seconds(2)), .receiveEnd, .close])
    scenario.listening.connection.receiveBuffer = 4_380
    scenario.serverConfiguration.tcp.receiveBuffer = 4_380
    scenario.serverConfiguration.tcp.maximumReceiveBuffer = 4_380
    scenario.serverConfiguration.tcp.fitsReceiveBuffer = false
    return scenario
  }
}
