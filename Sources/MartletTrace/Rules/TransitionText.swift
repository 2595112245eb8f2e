internal import MartletTCP

/// Why a connection goes from one state to another: an edge of the state diagram (RFC 9293 §3.3.2, Figure 5).
struct TransitionText {
  private let old: TCPState
  private let new: TCPState

  init(_ old: TCPState, _ new: TCPState) {
    self.old = old
    self.new = new
  }

  func reason(_ language: Language) -> String {
    let texts = texts
    return language == .english ? texts.english : texts.chinese
  }

  private var texts: (english: String, chinese: String) {
    switch (old, new) {
    case (.closed, .synSent): ("Active OPEN: a SYN is sent.", "主动打开：发送 SYN。")
    case (.closed, .listen): ("Passive OPEN: it waits for SYNs.", "被动打开：等待 SYN。")
    case (.listen, .synReceived): ("A SYN came: SYN and ACK are sent.", "收到 SYN：发送 SYN 加 ACK。")
    case (.synSent, .established): ("SYN and ACK came: the third segment is sent.", "收到 SYN 加 ACK：发送第三个报文段。")
    case (.synSent, .synReceived): ("A SYN crossed ours: SYN and ACK are sent.", "双方的 SYN 交错：发送 SYN 加 ACK。")
    case (.synReceived, .established): ("Our SYN is acknowledged.", "我方的 SYN 得到确认。")
    case (.synReceived, .listen):
      ("The half-open entry is gone, and the listener goes on listening.", "半开条目已删除，监听端继续监听。")
    case (.established, .finWait1), (.synReceived, .finWait1):
      ("CLOSE: our FIN follows the last octet.", "关闭：FIN 跟在最后一个字节之后。")
    case (.established, .closeWait):
      ("The peer's FIN came: its half is closed, ours is not.", "收到对端的 FIN：对方方向已关闭，我方尚未。")
    case (.finWait1, .finWait2): ("Our FIN is acknowledged: our half is closed.", "我方的 FIN 得到确认：我方方向已关闭。")
    case (.finWait1, .closing):
      (
        "The peer's FIN came before the ACK of ours: both close at once.",
        "对端的 FIN 先于对我方 FIN 的 ACK 到达：双方同时关闭。"
      )
    case (.finWait1, .timeWait): ("The peer's FIN came with the ACK of ours.", "对端的 FIN 与对我方 FIN 的 ACK 一同到达。")
    case (.finWait2, .timeWait):
      ("The peer's FIN came: both halves are closed, and 2 MSL begin.", "收到对端的 FIN：两个方向都已关闭，开始 2 MSL 计时。")
    case (.closing, .timeWait): ("Our FIN is acknowledged: 2 MSL begin.", "我方的 FIN 得到确认：开始 2 MSL 计时。")
    case (.closeWait, .lastAck): ("CLOSE: our FIN follows the last octet.", "关闭：FIN 跟在最后一个字节之后。")
    case (.lastAck, .closed): ("Our FIN is acknowledged: both halves are closed.", "我方的 FIN 得到确认：两个方向都已关闭。")
    case (.closed, .timeWait):
      (
        "A copy of the third segment could bring its cookie once more and open it again: 2 MSL keep it out.",
        "第三个报文段的副本可能再次带来 cookie 而重新打开连接：2 MSL 将其拒之门外。"
      )
    case (.timeWait, .closed):
      ("2 MSL are over: nothing of this connection can still come.", "2 MSL 已过：不会再有属于此连接的报文段到来。")
    case (_, .closed): ("The connection is over.", "连接已终止。")
    default: ("The event moves the connection to its next state.", "该事件使连接进入下一个状态。")
    }
  }
}
