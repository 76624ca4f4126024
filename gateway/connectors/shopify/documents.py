"""The GraphQL that is sent to Shopify: fixed texts, in which arguments are variables only. Pure."""

MONEY = "{ presentmentMoney { amount currencyCode } }"
ORDER = f"""
fragment Kept on Order {{
  id name createdAt cancelledAt cancelReason note tags
  displayFinancialStatus displayFulfillmentStatus
  currentTotalPriceSet {MONEY}
  totalReceivedSet {MONEY}
  totalRefundedSet {MONEY}
}}
"""
USER_ERRORS = "userErrors { field message }"
CODED_ERRORS = "userErrors { code field message }"
CHANGES = """
    inventoryAdjustmentGroup {
      id reason referenceDocumentUri
      changes { name delta quantityAfterChange }
    }
"""
LEVEL = """
    id sku
    inventoryLevel(locationId: $location) {
      location { id name }
      quantities(names: ["available", "on_hand"]) { name quantity }
    }
"""
DRAFT = f"id name status createdAt customAttributes {{ key value }} totalPriceSet {MONEY}"

READ_ORDER = "query ReadOrder($id: ID!) { order(id: $id) { ...Kept } }" + ORDER
LIST_ORDERS = (
    """
query ListOrders($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: CREATED_AT, reverse: true) {
    nodes { ...Kept }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + ORDER
)
READ_INVENTORY = f"""
query ReadInventory($item: ID!, $location: ID!) {{
  inventoryItem(id: $item) {{ {LEVEL} }}
}}
"""
READ_DRAFT = f"query ReadDraft($id: ID!) {{ draftOrder(id: $id) {{ {DRAFT} }} }}"
SET_NOTE = (
    f"""
mutation SetNote($input: OrderInput!) {{
  orderUpdate(input: $input) {{ order {{ ...Kept }} {USER_ERRORS} }}
}}
"""
    + ORDER
)
ADD_TAGS = f"""
mutation AddTags($id: ID!, $tags: [String!]!) {{
  tagsAdd(id: $id, tags: $tags) {{ node {{ id ... on Order {{ tags }} }} {USER_ERRORS} }}
}}
"""
REMOVE_TAGS = f"""
mutation RemoveTags($id: ID!, $tags: [String!]!) {{
  tagsRemove(id: $id, tags: $tags) {{ node {{ id ... on Order {{ tags }} }} {USER_ERRORS} }}
}}
"""
CANCEL_ORDER = """
mutation CancelOrder(
  $orderId: ID!, $reason: OrderCancelReason!, $restock: Boolean!, $notifyCustomer: Boolean,
  $refundMethod: OrderCancelRefundMethodInput, $staffNote: String
) {
  orderCancel(
    orderId: $orderId, reason: $reason, restock: $restock, notifyCustomer: $notifyCustomer,
    refundMethod: $refundMethod, staffNote: $staffNote
  ) {
    job { id done }
    orderCancelUserErrors { code field message }
  }
}
"""
REFUND_ORDER = f"""
mutation RefundOrder($input: RefundInput!, $key: String!) {{
  refundCreate(input: $input) @idempotent(key: $key) {{
    refund {{ id note totalRefundedSet {MONEY} }}
    {USER_ERRORS}
  }}
}}
"""
ADJUST_INVENTORY = f"""
mutation AdjustInventory($input: InventoryAdjustQuantitiesInput!, $key: String!) {{
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {{ {CHANGES} {CODED_ERRORS} }}
}}
"""
SET_INVENTORY = f"""
mutation SetInventory($input: InventorySetQuantitiesInput!, $key: String!) {{
  inventorySetQuantities(input: $input) @idempotent(key: $key) {{ {CHANGES} {CODED_ERRORS} }}
}}
"""
CREATE_DRAFT = f"""
mutation CreateDraft($input: DraftOrderInput!) {{
  draftOrderCreate(input: $input) {{ draftOrder {{ {DRAFT} }} {USER_ERRORS} }}
}}
"""
DELETE_DRAFT = f"""
mutation DeleteDraft($input: DraftOrderDeleteInput!) {{
  draftOrderDelete(input: $input) {{ deletedId {USER_ERRORS} }}
}}
"""

# What is asked before (previews) and after (look-ups).
PREVIEW_ORDER = (
    f"""
query PreviewOrder($id: ID!) {{
  order(id: $id) {{
    ...Kept
    customer {{ id displayName }}
    transactions(first: 50) {{ id kind gateway status amountSet {MONEY} }}
  }}
}}
"""
    + ORDER
)
# A mutation by name only: Shopify works the draft out and keeps nothing of it.
CALCULATE_DRAFT = f"""
mutation CalculateDraft($input: DraftOrderInput!) {{
  draftOrderCalculate(input: $input) {{
    calculatedDraftOrder {{ totalPriceSet {MONEY} lineItems {{ title quantity }} }}
    {USER_ERRORS}
  }}
}}
"""
FIND_REFUND = f"""
query FindRefund($id: ID!) {{
  order(id: $id) {{ refunds(first: 250) {{ id note totalRefundedSet {MONEY} }} }}
}}
"""
FIND_CANCELLATION = """
query FindCancellation($id: ID!) {
  order(id: $id) { id cancelledAt cancellation { staffNote } }
}
"""
FIND_DRAFT = f"""
query FindDraft($after: String) {{
  draftOrders(first: 50, after: $after, sortKey: ID, reverse: true) {{
    nodes {{ {DRAFT} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
ASKED = (PREVIEW_ORDER, CALCULATE_DRAFT, FIND_REFUND, FIND_CANCELLATION, FIND_DRAFT)


def name_of(document: str) -> str:
    """The name of the operation that a document holds."""
    return document.split("(", 1)[0].split()[-1]
