import MartletTCP
import MartletTrace

extension TextbookScenario {
  /// How connections begin.
  static var opening: [TextbookScenario] {
    [open, openWithData, simultaneousOpen, refused, oldSyn, synRetries, synAckRetries]
  }

  private static var open: TextbookScenario {
    var scenario = TextbookScenario(
      "open", title: LocalizedText("three-segment open", "三次握手"),
      question: LocalizedText("Why does it take three segments to open a connection?", "建立连接为什么需要三个报文段？"),
      answer: LocalizedText(
        "Each side has an initial sequence number of its own, and each has to learn that the other got it: the first segment tells one, the second acknowledges it and tells the other, the third acknowledges that.",
        "双方各有自己的初始序号，都要确知对方已经收到：第一个报文段告知客户端的序号，第二个确认它并告知服务器的序号，第三个再确认后者。"),
      client: [.connect, .awaitConnected], server: [.listen, .accept])
    scenario.duration = .seconds(1)
    return scenario
  }

  private static var openWithData: TextbookScenario {
    var scenario = TextbookScenario(
      "open-with-data", title: LocalizedText("data with the third segment", "第三个报文段携带数据"),
      question: LocalizedText("May the third segment carry data?", "第三个报文段可以携带数据吗？"),
      answer: LocalizedText(
        "Yes: the client knows both numbers by then. What its application has handed over meanwhile goes with it, and the server gives it to its application once the acknowledgment has made the connection.",
        "可以：此时客户端已经知道双方的序号。应用程序此前交付的数据随它一起发出；服务器在该确认使连接建立之后，把数据交给自己的应用程序。"),
      client: [.connect, .send(100)], server: [.listen, .accept, .receive(100)])
    scenario.duration = .seconds(1)
    return scenario
  }

  private static var simultaneousOpen: TextbookScenario {
    var scenario = TextbookScenario(
      "simultaneous-open", title: LocalizedText("simultaneous open", "同时打开"),
      question: LocalizedText("What if both sides connect at the same time?", "双方同时发起连接会怎样？"),
      answer: LocalizedText(
        "The SYNs cross. Each side answers the other's with SYN and ACK and passes through SYN-RECEIVED; one connection results, not two.",
        "两个 SYN 在途中交错。双方各以 SYN 加 ACK 回应对方，并经过 SYN-RECEIVED 状态；结果是一个连接，而不是两个。"),
      client: [.connect, .awaitConnected], server: [.connect, .awaitConnected])
    scenario.duration = .seconds(1)
    return scenario
  }

  private static var refused: TextbookScenario {
    TextbookScenario(
      "refused", title: LocalizedText("connection refused", "连接被拒绝"),
      question: LocalizedText("What if nobody listens at the port?", "端口无人监听会怎样？"),
      answer: LocalizedText(
        "The SYN is answered with a reset that acknowledges it, so that the client knows at once and need not wait.",
        "对该 SYN 回以确认它的复位，客户端立即得知，无须等待。"),
      client: [.connect, .awaitConnected], server: [])
  }

  private static var oldSyn: TextbookScenario {
    var scenario = TextbookScenario(
      "old-syn", title: LocalizedText("an old SYN comes late", "迟到的旧 SYN"),
      question: LocalizedText("Why three segments and not two?", "为什么是三次而不是两次？"),
      answer: LocalizedText(
        "A SYN that was delayed in the network looks like a new one. With two segments the server would have a connection that nobody wants. With three it waits for the client's word, and the client, who did not ask, answers with a reset.",
        "在网络中滞留的旧 SYN 看起来与新的无异。若只需两次，服务器就会得到一个无人需要的连接；而三次握手要等客户端确认，没有发起请求的客户端会回以复位。"),
      client: [], server: [.listen, .accept])
    scenario.happenings = [ScenarioHappening(.oldSyn, after: .milliseconds(10))]
    scenario.duration = .seconds(5)
    return scenario
  }

  private static var synRetries: TextbookScenario {
    var scenario = TextbookScenario(
      "syn-retries", title: LocalizedText("nobody answers the SYN", "SYN 无人应答"),
      question: LocalizedText("How long does a client try?", "客户端会尝试多久？"),
      answer: LocalizedText(
        "The SYN is sent again after 1, 3, 7, 15, 31, 63 and 123 seconds: each wait is twice the last, and none longer than a minute. After 183 seconds the application is told that it timed out. RFC 9293 asks for three minutes at least.",
        "SYN 在 1、3、7、15、31、63、123 秒时重发：每次等待加倍，但不超过一分钟。183 秒后应用程序得知超时。RFC 9293 要求至少坚持三分钟。"),
      client: [.connect, .awaitConnected], server: [.listen])
    scenario.happenings = [ScenarioHappening(.crash(.right), after: .zero)]
    return scenario
  }

  private static var synAckRetries: TextbookScenario {
    var scenario = TextbookScenario(
      "syn-ack-retries", title: LocalizedText("the third segment never comes", "第三个报文段始终不来"),
      question: LocalizedText("How long does a server keep a half-open connection?", "服务器会把半开连接保留多久？"),
      answer: LocalizedText(
        "The SYN-ACK is sent again after 1, 3, 7, 15 and 31 seconds; after 63 seconds the half-open entry is gone. Until then it takes a place in the listener's queue: that is what a SYN flood lives on.",
        "SYN-ACK 在 1、3、7、15、31 秒时重发；63 秒后半开条目被删除。在此之前它占用监听队列的一个位置：SYN 洪泛攻击正是利用这一点。"),
      client: [.connect], server: [.listen, .accept])
    scenario.withholdsAcknowledgment = true
    return scenario
  }
}
