import MartletStack
import MartletTCP
import MartletTrace

extension TextbookScenario {
  /// How connections end in order.
  static var closing: [TextbookScenario] {
    [
      close, closeByServer, closeInThree, simultaneousClose, halfClose, lostLastAck, timeWait, timeWaitReuse,
    ]
  }

  /// A request and its answer, as any server gives it.
  private static let request: [ProgramStep] = [.connect, .awaitConnected, .send(100), .receive(300)]
  private static let answer: [ProgramStep] = [.listen, .accept, .receive(100), .send(300)]

  private static var close: TextbookScenario {
    TextbookScenario(
      "close", title: LocalizedText("four-segment close", "四次挥手"),
      question: LocalizedText("Why does it take four segments to close a connection?", "关闭连接为什么需要四个报文段？"),
      answer: LocalizedText(
        "Each direction is closed by its own FIN, and each FIN is acknowledged. Between the two the passive side may still have something to send, so its acknowledgment does not wait for its FIN.",
        "每个方向都由自己的 FIN 关闭，每个 FIN 都要得到确认。在两者之间，被动方可能还有数据要发送，因此它的确认不会等待自己的 FIN。"),
      client: request + [.wait(.milliseconds(50)), .close],
      server: answer + [.receiveEnd, .wait(.milliseconds(50)), .close])
  }

  private static var closeByServer: TextbookScenario {
    TextbookScenario(
      "close-by-server", title: LocalizedText("four-segment close by the server", "服务器先关闭的四次挥手"),
      question: LocalizedText("Who waits in TIME-WAIT?", "谁会停留在 TIME-WAIT？"),
      answer: LocalizedText(
        "Whoever closes first. Here it is the server; its port is busy for this one client until 2 MSL are over.",
        "先关闭的一方。这里是服务器：在 2 MSL 结束之前，它与这个客户端的四元组仍被占用。"),
      client: request + [.receiveEnd, .wait(.milliseconds(50)), .close],
      server: answer + [.wait(.milliseconds(100)), .close])
  }

  private static var closeInThree: TextbookScenario {
    TextbookScenario(
      "close-in-three", title: LocalizedText("three-segment close", "三次挥手"),
      question: LocalizedText("Can a close take only three segments?", "关闭连接可以只用三个报文段吗？"),
      answer: LocalizedText(
        "If the passive side has nothing left to send and closes at once, its acknowledgment and its FIN share a segment. The active side goes from FIN-WAIT-1 straight to TIME-WAIT.",
        "如果被动方已无数据要发送并立即关闭，它的确认和 FIN 可以合在一个报文段里。主动方从 FIN-WAIT-1 直接进入 TIME-WAIT。"),
      client: request + [.wait(.milliseconds(50)), .close], server: answer + [.receiveEnd, .close])
  }

  private static var simultaneousClose: TextbookScenario {
    TextbookScenario(
      "simultaneous-close", title: LocalizedText("simultaneous close", "同时关闭"),
      question: LocalizedText("What if both sides close at the same time?", "双方同时关闭会怎样？"),
      answer: LocalizedText(
        "The FINs cross. Each side is in CLOSING until its own FIN is acknowledged, and both wait in TIME-WAIT.",
        "两个 FIN 在途中交错。双方都处于 CLOSING，直到自己的 FIN 得到确认，随后都进入 TIME-WAIT。"),
      client: [.connect, .awaitConnected, .wait(.milliseconds(60)), .close],
      server: [.listen, .accept, .wait(.milliseconds(50)), .close])
  }

  private static var halfClose: TextbookScenario {
    TextbookScenario(
      "half-close", title: LocalizedText("half-close", "半关闭"),
      question: LocalizedText("What is a half-close for?", "半关闭有什么用？"),
      answer: LocalizedText(
        "Who has said everything says so with a FIN, and still reads. The other side learns that the request is complete, and answers for as long as it likes.",
        "说完了的一方用 FIN 表明，但仍然继续读取。另一方由此得知请求已完整，并可以从容地回答。"),
      client: [.connect, .awaitConnected, .send(100), .shutdown, .receiveEnd, .close],
      server: [
        .listen, .accept, .receive(100), .receiveEnd, .wait(.milliseconds(50)), .send(3_000),
        .wait(.milliseconds(50)), .close,
      ])
  }

  private static var lostLastAck: TextbookScenario {
    var scenario = close
    scenario.name = "lost-last-ack"
    scenario.title = LocalizedText("the last ACK is lost", "最后一个 ACK 丢失")
    scenario.question = LocalizedText("Why does the active side wait for 2 MSL?", "主动关闭方为什么要等待 2 MSL？")
    scenario.answer = LocalizedText(
      "If the last ACK is lost, the passive side sends its FIN again. Somebody has to be there to acknowledge it, or that side would never know that the connection was closed in order.",
      "如果最后的 ACK 丢失，被动方会重发 FIN。必须有人在那里再次确认，否则对方永远不知道连接已正常关闭。")
    scenario.faults = [.drop(9)]
    return scenario
  }

  private static var timeWait: TextbookScenario {
    var scenario = closeByServer
    scenario.name = "time-wait"
    scenario.title = LocalizedText("an old segment finds TIME-WAIT", "旧报文段遇到 TIME-WAIT")
    scenario.question = LocalizedText("What else does TIME-WAIT protect from?", "TIME-WAIT 还能防止什么？")
    scenario.answer = LocalizedText(
      "A copy of a data segment wanders for five seconds and arrives when the connection is closed. TIME-WAIT knows it as old and answers with an ACK, and ignores the reset that the client's host gives to that. Without TIME-WAIT, a new connection between the same ports could take the old text for its own.",
      "一个数据报文段的副本在网络中滞留五秒，到达时连接已经关闭。TIME-WAIT 认出它是旧的，回以 ACK，并忽略客户端主机对此发出的复位；若没有 TIME-WAIT，相同端口之间的新连接可能把旧数据当成自己的。"
    )
    scenario.faults = [.duplicate(3, after: .seconds(5))]
    return scenario
  }

  private static var timeWaitReuse: TextbookScenario {
    TextbookScenario(
      "time-wait-reuse", title: LocalizedText("a new connection out of TIME-WAIT", "从 TIME-WAIT 重新建立连接"),
      question: LocalizedText(
        "Can the same ports be used again before 2 MSL are over?", "2 MSL 结束之前可以再用相同的端口吗？"),
      answer: LocalizedText(
        "Yes, if the new SYN is later than everything of the old connection: its sequence number, or its timestamp, shows that. Initial numbers come from a clock, so that they do.",
        "可以，只要新 SYN 晚于旧连接的一切：它的序号或时间戳能表明这一点。初始序号取自时钟，因此满足条件。"),
      client: [
        .connect, .awaitConnected, .receiveEnd, .close, .wait(.seconds(2)), .connect, .awaitConnected,
        .send(100),
        .receiveEnd, .close,
      ],
      server: [
        .listen, .accept, .wait(.milliseconds(50)), .close, .accept, .receive(100), .wait(.milliseconds(50)),
        .close,
      ])
  }
}
