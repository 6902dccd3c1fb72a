import { describeBookingDesk } from '../contract/booking-desk.ts';
import { slotStores } from '../support/slot-stores.ts';

describeBookingDesk('postgres', slotStores);
