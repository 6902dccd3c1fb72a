import { describeBookingDesk } from '../contract/booking-desk.ts';
import { describeSlotBook } from '../contract/slot-book.ts';
import { slotStores } from '../support/slot-stores.ts';

describeSlotBook('postgres', slotStores);
describeBookingDesk('postgres', slotStores);
